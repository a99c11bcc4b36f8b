import type { CommandState, LocationUpdate } from '../../../../contract/index.ts'
import type { AlertEvent } from './alerts.ts'
import { ApiError } from './api.ts'
import type { Page } from './http-answers.ts'
import type { Live } from './live.ts'

type Asker = Pick<Live, 'request'>

interface TripEnd {
  readonly timestamp: number
  readonly location: LocationUpdate['location']
}

export interface Trip {
  readonly start: TripEnd
  readonly end: TripEnd
  readonly distanceMeters: number
  /** Metres per second. */
  readonly maxSpeed: number
  readonly averageSpeed: number
  readonly ongoing: boolean
}

export interface Explanation {
  readonly text: string
  readonly timestamp: number
  readonly outcome: 'announced' | 'suppressed' | 'corrected' | 'missed'
  readonly event: string
  readonly kind: 'fence' | 'rule'
  readonly subject: string
  readonly eventId?: string
  /** The event as it was announced, in its last revision. */
  readonly announced?: { readonly id: string }
  /** How often the same was decided in a row. */
  readonly count?: number
}

export interface Explanations {
  readonly items: readonly Explanation[]
  /** How this is known, where it was not recorded at the time. */
  readonly note: string | null
}

/** A command that was given, and how far it has come. */
export interface GivenCommand {
  readonly id: string
  readonly name: string
  readonly state: CommandState
  /** Why it was not sent yet. */
  readonly waitsFor?: { readonly message: string }
  readonly createdBy: string
  readonly createdAt: number
  readonly expiresAt: number
  readonly error?: unknown
  readonly result?: unknown
}

const ALERTS_SHOWN = 100
const TRIPS_SHOWN = 200

const path = (deviceId: string, rest: string): string => `/devices/${encodeURIComponent(deviceId)}${rest}`

export async function fetchTrips(
  live: Asker,
  deviceId: string,
  fromMs: number,
  toMs: number,
): Promise<readonly Trip[]> {
  const query = `from=${Math.round(fromMs)}&to=${Math.round(toMs)}&limit=${TRIPS_SHOWN}`
  return (await live.request<Page<Trip>>(path(deviceId, `/trips?${query}`))).items
}

export async function fetchAlertsOf(
  live: Asker,
  deviceId: string,
  fromMs: number,
  toMs: number,
): Promise<readonly AlertEvent[]> {
  const query = `deviceId=${encodeURIComponent(deviceId)}&from=${Math.round(fromMs)}&to=${Math.round(toMs)}&limit=${ALERTS_SHOWN}`
  return (await live.request<Page<AlertEvent>>(`/alerts?${query}`)).items
}

/** What was decided from `fromMs` on, in sentences, in the time zone of this browser. */
export async function fetchExplanations(
  live: Asker,
  deviceId: string,
  window: { readonly fromMs: number; readonly toMs: number; readonly fenceId?: string; readonly rule?: string },
): Promise<Explanations> {
  const query = new URLSearchParams({
    from: String(Math.floor(window.fromMs)),
    to: String(Math.ceil(window.toMs)),
    limit: '200',
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    ...(window.fenceId === undefined ? {} : { fenceId: window.fenceId }),
    ...(window.rule === undefined ? {} : { rule: window.rule }),
  })
  return live.request<Explanations>(path(deviceId, `/explain?${query}`))
}

/** Null where the platform offers no commands, or not to this person. */
export async function fetchCommands(live: Asker, deviceId: string): Promise<readonly GivenCommand[] | null> {
  try {
    return (await live.request<Page<GivenCommand>>(path(deviceId, '/commands?limit=20'))).items
  } catch (error) {
    if (error instanceof ApiError && (error.status === 404 || error.status === 403)) return null
    throw error
  }
}

export interface CommandType {
  readonly name: string
  readonly summary: string
  /** It waits until another person has confirmed it. */
  readonly secondPerson: boolean
}

/** What the device understands; empty where it takes any name. */
export async function fetchCommandTypes(live: Asker, deviceId: string): Promise<readonly CommandType[]> {
  const { items } = await live.request<{ items: readonly CommandType[] | null }>(path(deviceId, '/commands/types'))
  return items ?? []
}

/** As the second person, or taken back before it was sent. */
export async function answerCommand(
  live: Asker,
  { deviceId, id, answer }: { readonly deviceId: string; readonly id: string; readonly answer: 'confirm' | 'cancel' },
): Promise<void> {
  await live.request(path(deviceId, `/commands/${encodeURIComponent(id)}/${answer}`), { method: 'POST' })
}

export async function sendCommand(
  live: Asker,
  deviceId: string,
  command: { readonly name: string; readonly args: Readonly<Record<string, unknown>>; readonly expiresAt: number },
): Promise<void> {
  await live.request(path(deviceId, '/commands'), { method: 'POST', body: command })
}
