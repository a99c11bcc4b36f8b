import { type AclRule, buildTopic, phoneTopic, trackerIdOf } from '../../contract/index.ts'

/** Where phones reach the platform. */
export interface PhoneAddress {
  /** Like `https://track.example.org`. */
  readonly origin: string
  /** Null: MQTT is off. */
  readonly mqtt: { readonly host: string; readonly port: number; readonly tls: boolean } | null
  /** Whether an app that knows nothing but an id may send. */
  readonly byIdAlone: boolean
}

export interface PhoneCredentials {
  readonly org: string
  readonly deviceId: string
  readonly token: string
}

/** How an app is set up: by the link, on the phone or as a QR code. */
export interface AppSetup {
  readonly url: string
}

export interface OwnTracksSetup extends AppSetup {
  /** What a `.otrc` file holds. */
  readonly configuration: object
}

export interface TraccarClientSetup extends AppSetup {
  readonly serverUrl: string
  readonly deviceIdentifier: string
}

/** What the apps of a phone need. The links hold the token of the device, but for those of apps that go by the id alone. */
export interface PhoneSetup {
  readonly ownTracks: { readonly mqtt: OwnTracksSetup | null; readonly http: OwnTracksSetup }
  /** Null where a token is asked for, which these apps cannot send. */
  readonly traccarClient: TraccarClientSetup | null
  /** OsmAnd's web address for online tracking. */
  readonly osmand: { readonly webAddress: string } | null
}

/** Modes of OwnTracks (booklet, "JSON", `configuration`). */
const MQTT_MODE = 0
const HTTP_MODE = 3

export function phoneSetup(address: PhoneAddress, credentials: PhoneCredentials): PhoneSetup {
  const { origin, mqtt, byIdAlone } = address
  const { deviceId } = credentials
  const id = encodeURIComponent(deviceId)
  const serverUrl = `${origin}/osmand`
  return {
    ownTracks: {
      mqtt:
        mqtt === null ? null : ownTracksSetup({ ...common(credentials, MQTT_MODE), ...overMqtt(mqtt, credentials) }),
      http: ownTracksSetup({ ...common(credentials, HTTP_MODE), url: `${origin}/owntracks` }),
    },
    // Traccar Client takes an address with parameters as its settings: what stands before the `?` is the server.
    traccarClient: byIdAlone ? { serverUrl, deviceIdentifier: deviceId, url: `${serverUrl}?id=${id}` } : null,
    osmand: byIdAlone
      ? {
          webAddress: `${serverUrl}?id=${id}&lat={0}&lon={1}&timestamp={2}&hdop={3}&altitude={4}&bearing={6}`,
        }
      : null,
  }
}

function common({ deviceId, token }: PhoneCredentials, mode: number): object {
  return {
    _type: 'configuration',
    mode,
    auth: true,
    username: deviceId,
    password: token,
    deviceId,
    tid: trackerIdOf(deviceId),
    cmd: true,
    allowRemoteLocation: true,
    extendedData: true,
    // Settings come from the file, never over the air: another server could not be told from a mistake.
    remoteConfiguration: false,
  }
}

function overMqtt({ host, port, tls }: NonNullable<PhoneAddress['mqtt']>, credentials: PhoneCredentials): object {
  const { org, deviceId } = credentials
  return {
    host,
    port,
    tls,
    ws: false,
    clientId: deviceId,
    pubTopicBase: phoneTopic({ org, deviceId }),
    sub: true,
    subTopic: 'owntracks/+/+',
    subQos: 1,
    pubQos: 1,
    pubRetain: false,
    cleanSession: false,
    keepalive: 60,
  }
}

function ownTracksSetup(configuration: object): OwnTracksSetup {
  const inline = encodeURIComponent(Buffer.from(JSON.stringify(configuration)).toString('base64'))
  return { configuration, url: `owntracks:///config?inline=${inline}` }
}

/** Whom else a phone may see: the newest positions of these devices, in the token itself. */
export function friendRules(org: string, friends: readonly string[]): AclRule[] {
  return friends.map(deviceId => ({
    permission: 'allow',
    action: 'subscribe',
    topic: buildTopic('last', { org, deviceId }),
  }))
}
