export const SIM_SUMMARY = 'simulate devices that behave like firmware, against any broker'

export const SIM_HELP = `trackwire sim: ${SIM_SUMMARY}

Usage: trackwire sim [options]

Each device is one MQTT client with a will. It publishes its fixes, stores them while it has no link and resends them as
batches, oldest first, when it is back. Without --route the devices drive through the demo's city.

Where to
  --protocol NAME      mqtt, or what trackers speak: gt06, teltonika (mqtt). Those log in with their IMEI, wait for each
                       acknowledgement, answer commands, store and send again; register their IMEIs first
  --url URL            broker: mqtt://, mqtts://, ws:// or wss:// (mqtt://127.0.0.1:1883); of trackers tcp://HOST:PORT
                       (tcp://127.0.0.1:5023 for gt06, :5027 for teltonika)
  --org ORG            organisation, the first topic level (the token's, else demo)
  --token JWT          one token for all devices; several devices need one of role service or driver
  --token-file FILE    JSON {"device": "token"}, or one token per line: the first for the first device, a single one for all
                       (without a token one is minted with the key in the local data folder)

Who and where
  --device ID          id of the one device (sim-1, or the sub of a device token; with --protocol its IMEI, 000000000000001)
  --devices N          number of devices, sim-1 to sim-N, or IMEIs from 000000000000001 (1; with --replay those of the file; with --city demo its fleet)
  --city demo          the demo's fleet, under its own names
  --route FILE         CSV, GPX or GeoJSON, also .gz: drive along this line
  --replay             send the fixes of the file themselves, moved in time so that they begin now
  --keep-times         replay with the times of the file
  --loop               drive the route to and fro without end
  --seed N             chance of drives and noise; the same seed gives the same tracks (1)
  --noise METERS       typical 68 % error of the simulated receiver (4)

How
  --interval S         seconds between fixes of driven routes (1); 0.1 for load
  --speed X            simulated time runs X times as fast; tracks begin in the past, so that no fix is in the future (1)
  --qos 0|1            of single fixes; batches and SOS are always QoS 1 (1)
  --batch N            most fixes in one batch, 1 to 1000 (200)
  --buffer N           fixes a device stores before it loses the oldest (20000)
  --ramp N             devices started per second (50)
  --duration S         stop after S real seconds
  --count N            stop each device after N fixes
  --offline-every S    cut each device's link every S seconds …
  --offline-for S      … for S seconds (10)
  --sos-after S        the first device presses SOS after S seconds

Output
  --json               one JSON object per line: progress every second, events, a summary
  --help               this text

Ctrl-C stops gracefully: what was taken is sent, the devices say offline, the summary is printed.
Exit code: 0 everything acknowledged, 1 something refused, lost or not acknowledged, 2 wrong usage.
`
