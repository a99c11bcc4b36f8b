/** What a claim code is swapped for, as the API answers it. */
export interface Credentials {
  readonly org: string
  readonly deviceId: string
  readonly token: string
  readonly mqtt: {
    readonly host: string
    readonly port: number
    readonly tls: boolean
    readonly clientId: string
    readonly username: string
    readonly topics: Readonly<Record<'location' | 'locationBatch' | 'status' | 'sos' | 'errors', string>>
  } | null
  readonly http: { readonly location: string; readonly batch: string }
  /** For phones; the links set the app up. */
  readonly apps: {
    readonly ownTracks: { readonly mqtt: OwnTracksSetup | null; readonly http: OwnTracksSetup }
    /** Null where the platform asks for a token, which the app cannot send. */
    readonly traccarClient: (AppLink & { readonly serverUrl: string; readonly deviceIdentifier: string }) | null
    readonly osmand: { readonly webAddress: string } | null
  }
}

interface AppLink {
  readonly url: string
  readonly qrSvg: string | null
}

interface OwnTracksSetup extends AppLink {
  readonly configuration: object
}

/** An app on a phone, and how it is set up. */
export interface PhoneApp extends AppLink {
  readonly name: string
  readonly settings: readonly Setting[]
  /** What OwnTracks imports as a file. */
  readonly file: string | null
}

export interface Setting {
  readonly name: string
  readonly value: string
}

/** For any MQTT client; empty when MQTT is off. */
export function mqttSettings({ mqtt, token }: Credentials): Setting[] {
  if (mqtt === null) return []
  const { host, port, tls, clientId, username, topics } = mqtt
  return [
    { name: 'Host', value: host },
    { name: 'Port', value: String(port) },
    { name: 'TLS', value: tls ? 'on' : 'off' },
    { name: 'Client id', value: clientId },
    { name: 'User name', value: username },
    { name: 'Password', value: token },
    { name: 'Topic of a position', value: topics.location },
    { name: 'Topic of many positions', value: topics.locationBatch },
    { name: 'Topic of the status, and of the will', value: topics.status },
    { name: 'Topic of an SOS', value: topics.sos },
    { name: 'Topic of what was refused', value: topics.errors },
  ]
}

/** The apps that can be set up here, the best first. */
export function phoneApps({ apps: { ownTracks, traccarClient } }: Credentials): PhoneApp[] {
  const { mqtt, http } = ownTracks
  const found =
    mqtt === null
      ? [ownTracksApp('OwnTracks', http)]
      : [ownTracksApp('OwnTracks', mqtt), ownTracksApp('OwnTracks over HTTP', http)]
  if (traccarClient === null) return found
  const { serverUrl, deviceIdentifier, url, qrSvg } = traccarClient
  const settings = [
    { name: 'Server URL', value: serverUrl },
    { name: 'Device identifier', value: deviceIdentifier },
  ]
  return [...found, { name: 'Traccar Client', url, qrSvg, settings, file: null }]
}

function ownTracksApp(name: string, { configuration, url, qrSvg }: OwnTracksSetup): PhoneApp {
  return { name, url, qrSvg, settings: [], file: `${JSON.stringify(configuration, null, 2)}\n` }
}

/** One line to try it with: sends a position over HTTP. */
export function httpCommand({ http, token }: Credentials): string {
  const body = '{"timestamp": \'"$(date +%s)000"\', "location": {"lat": 41.1496, "lng": -8.6109}}'
  return `curl ${http.location} -H 'Authorization: Bearer ${token}' -H 'Content-Type: application/json' -d '${body}'`
}

/** Everything as a file, for scripts. */
export function credentialsFile(credentials: Credentials): string {
  return `${JSON.stringify(credentials, null, 2)}\n`
}
