import type { Logger } from 'pino'
import {
  type CommandLink,
  type CommandSender,
  OWNTRACKS_COMMAND_TYPES,
  PROTOCOLS,
  type Trackers,
} from '../bridge/index.ts'
import type { Broker } from '../broker/index.ts'
import { type Command, encodeOwnTracksCommand, type OwnTracksCommandName, TrackwireError } from '../contract/index.ts'

/** Devices that speak the contract's MQTT: any name, on their command topic. */
export function mqttCommands(broker: () => Broker | undefined, logger: Logger): CommandSender {
  return {
    typesOf: () => null,
    linkOf(device): CommandLink | null {
      const lane = broker()?.commands
      const found = lane?.linkOf(device)
      if (lane === undefined || found == null) return null
      return {
        id: found.id,
        transport: 'mqtt',
        types: null,
        isFree: true,
        rawStopsVehicle: () => false,
        prepare: ({ org, deviceId, commandId, name, args, expiresAt }) => {
          const command: Command = { name, args: { ...args }, expiresAt }
          const payload = JSON.stringify(command)
          return () => {
            lane
              .send({ org, deviceId, commandId, payload })
              .catch(error => logger.warn({ err: error, org, deviceId, commandId }, 'a command was not published'))
          }
        },
      }
    },
  }
}

/** Devices that speak a maker's protocol. */
export function trackerCommands(trackers: () => Trackers | undefined): CommandSender {
  return {
    linkOf: device => trackers()?.linkOf(device) ?? null,
    typesOf: transport => PROTOCOLS.get(transport)?.commands?.types ?? null,
  }
}

/** Phones with OwnTracks that are connected over MQTT. */
export function ownTracksCommands(broker: () => Broker | undefined): CommandSender {
  return {
    typesOf: transport => (transport === 'owntracks' ? OWNTRACKS_COMMAND_TYPES : null),
    linkOf(device): CommandLink | null {
      const lane = broker()?.phones
      const found = lane?.linkOf(device)
      if (lane === undefined || found == null) return null
      return {
        id: found.id,
        transport: 'owntracks',
        types: OWNTRACKS_COMMAND_TYPES,
        isFree: true,
        rawStopsVehicle: () => false,
        prepare: ({ org, deviceId, commandId, name, args }) => {
          const message = encoded(name, args)
          return message === null ? null : () => lane.send({ org, deviceId, commandId, message })
        },
      }
    },
  }
}

function encoded(name: string, args: Readonly<Record<string, unknown>>): object | null {
  if (!OWNTRACKS_COMMAND_TYPES.some(type => type.name === name)) return null
  try {
    return encodeOwnTracksCommand(name as OwnTracksCommandName, args)
  } catch (error) {
    if (error instanceof TrackwireError) return null
    throw error
  }
}
