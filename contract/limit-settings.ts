/** The limits of contract §7. `null` = no limit. */
export interface LimitSettings {
  /** Messages of one principal, all classes together; SOS counts nowhere. */
  readonly messagesPerSecond: number | null
  readonly locationPerMinute: number | null
  readonly chatPerMinute: number | null
  readonly generalPerMinute: number | null
  /** HTTP requests of one principal, positions excepted: a dashboard that pages through a history is no flood. */
  readonly httpPerMinute: number | null
  /** Requests of one address to log in, refresh and the like, where nobody is known yet. */
  readonly publicPerMinute: AddressLimit
  /** New MQTT connections (TCP, TLS, WebSocket) of one address. */
  readonly connectionsPerMinute: AddressLimit
  /** MQTT connections of one address that have not been admitted yet. */
  readonly connectingPerAddress: AddressLimit
  /** Open sockets of the process, HTTP included. It protects the process: it stays when limits are off. */
  readonly connectionsTotal: number | null
  readonly connectionsPerPrincipal: number | null
  readonly subscriptionsPerConnection: number | null
  /** Sessions that are stored while nobody is connected to them. */
  readonly sessionsPerPrincipal: number | null
  readonly queuedMessagesPerSession: number | null
  readonly queuedBytesPerSession: number | null
}

/** A limit that counts by the address of the peer. */
export interface AddressLimit {
  readonly most: number | null
  /** Whether 127.0.0.0/8 and ::1 count too: a local proxy, a test or a benchmark is no crowd of strangers. */
  readonly loopback: boolean
}

export const DEFAULT_LIMITS: LimitSettings = {
  messagesPerSecond: 100,
  locationPerMinute: 1_000,
  chatPerMinute: 50,
  generalPerMinute: 100,
  httpPerMinute: 600,
  publicPerMinute: { most: 60, loopback: false },
  connectionsPerMinute: { most: 5, loopback: false },
  connectingPerAddress: { most: 50, loopback: false },
  connectionsTotal: null,
  connectionsPerPrincipal: 20,
  subscriptionsPerConnection: 100,
  sessionsPerPrincipal: 20,
  // A weekend of one alert every two seconds. What 64 MiB of alerts are read in is some seconds.
  queuedMessagesPerSession: 100_000,
  queuedBytesPerSession: 64 * 1_048_576,
}

const NO_ADDRESS_LIMIT: AddressLimit = { most: null, loopback: false }

/** What `TRACKWIRE_LIMITS=off` means. What protects the process itself stays: sockets, payload sizes, what a slow consumer holds. */
export const NO_LIMITS: LimitSettings = {
  messagesPerSecond: null,
  locationPerMinute: null,
  chatPerMinute: null,
  generalPerMinute: null,
  httpPerMinute: null,
  publicPerMinute: NO_ADDRESS_LIMIT,
  connectionsPerMinute: NO_ADDRESS_LIMIT,
  connectingPerAddress: NO_ADDRESS_LIMIT,
  connectionsTotal: null,
  connectionsPerPrincipal: null,
  subscriptionsPerConnection: null,
  sessionsPerPrincipal: null,
  queuedMessagesPerSession: null,
  queuedBytesPerSession: null,
}
