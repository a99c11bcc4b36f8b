import type { DeviceStatus, FenceFeature, LocationUpdate } from '../../../../contract/index.ts'
import { type Alerts, addAlerts, NO_ALERTS } from './alerts.ts'
import { type Api, isTransient, type Request } from './api.ts'
import type { Auth } from './auth.ts'
import { backoffMs } from './backoff.ts'
import { type Connection, startConnection } from './connection.ts'
import { applyFixes, applyRegistered, applyStatuses, type Devices } from './devices.ts'
import { BEHIND_MS, CAUGHT_UP_MS, createFreshness } from './freshness.ts'
import {
  fetchAlerts,
  fetchConfig,
  fetchDevices,
  fetchFences,
  fetchHistory,
  fetchOpenSos,
  type PlatformConfig,
  type TrackWindow,
} from './http-answers.ts'
import type { Batch } from './inbox.ts'
import { type LiveMessage, locationFilter, subscriptionsOf } from './messages.ts'
import { addNotice, type Notice } from './notices.ts'
import { openRawMessages, type RawEvents } from './raw-messages.ts'
import type { Session } from './session.ts'
import { applySos, closeDevice, NO_SOS, reconcileSos, type SosState } from './sos.ts'
import { createStore, type Store } from './store.ts'
import { followUnknownDevices, type UnknownDevices } from './unknown-devices.ts'
import type { OpenWire } from './wire.ts'

export type Fences = ReadonlyMap<string, FenceFeature>

/** How far what is drawn is behind what happens. */
export interface Delay {
  /** Milliseconds, in steps of {@link DELAY_STEP_MS}. */
  readonly behindMs: number
  /** Too far to be taken for live. */
  readonly tooFar: boolean
}

/** Everything the view shows of one organisation, kept current while it is open. */
export interface Live {
  readonly session: Session
  readonly connection: Connection
  readonly delay: Store<Delay>
  /** What was applied last is drawn, so long after. */
  drawn(delayMs: number): void
  readonly devices: Store<Devices>
  /** Fixes that arrived and were applied or passed over since the page was opened. */
  fixesTaken(): number
  readonly fences: Store<Fences>
  readonly alerts: Store<Alerts>
  readonly sos: Store<SosState>
  readonly unknownDevices: UnknownDevices
  readonly notices: Store<readonly Notice[]>
  /** Null until the platform has answered. */
  readonly config: Store<PlatformConfig | null>
  /** The platform's clock, milliseconds since the epoch. */
  now(): number
  /**
   * Asks the HTTP API with the token of the session; paths begin behind `/api/v1`.
   * @throws ApiError
   */
  request<Answer>(path: string, request?: Omit<Request, 'token'>): Promise<Answer>
  history(deviceId: string, sinceMs: number): Promise<LocationUpdate[]>
  track(deviceId: string, window: TrackWindow): Promise<LocationUpdate[]>
  /** Every message of a device as it is sent, until the function that is returned is called. */
  rawMessages(deviceId: string, events: RawEvents): () => void
  /** @throws ApiError */
  answerSos(alertId: string, action: 'acknowledge' | 'resolve', note: string): Promise<void>
  notify(tone: Notice['tone'], text: string): void
  dismiss(noticeId: number): void
  close(): void
}

export interface LiveOptions {
  readonly api: Api
  readonly auth: Auth
  readonly session: Session
  readonly mqttUrl: string
  readonly clientId: string
  readonly openWire: OpenWire
}

const DELAY_PERIOD_MS = 1_000
const DELAY_STEP_MS = 100
const NOTICE_MS = 8_000
const FILL_TRIES = 5

export function startLive({ api, auth, session, mqttUrl, clientId, openWire }: LiveOptions): Live {
  const devices = createStore<Devices>(new Map())
  const fences = createStore<Fences>(new Map())
  const alerts = createStore<Alerts>(NO_ALERTS)
  const sos = createStore<SosState>(NO_SOS)
  const notices = createStore<readonly Notice[]>([])
  const config = createStore<PlatformConfig | null>(null)
  const unknownDevices = followUnknownDevices(api, () => auth.accessToken(), session.role === 'admin')
  const timers = new Set<ReturnType<typeof setTimeout>>()
  const delay = createStore<Delay>({ behindMs: 0, tooFar: false })
  const freshness = createFreshness()
  let nextNoticeId = 1
  let fixesTaken = 0

  const after = (delayMs: number, run: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer)
      run()
    }, delayMs)
    timers.add(timer)
  }

  const notify = (tone: Notice['tone'], text: string): void => {
    const id = nextNoticeId++
    notices.set(list => addNotice(list, { id, tone, text }))
    after(NOTICE_MS, () => dismiss(id))
  }
  const dismiss = (noticeId: number): void => notices.set(list => list.filter(({ id }) => id !== noticeId))

  const measureDelay = (): void => {
    const behindMs = Math.round(freshness.behindMs(performance.now()) / DELAY_STEP_MS) * DELAY_STEP_MS
    delay.set(before => {
      const tooFar = behindMs > (before.tooFar ? CAUGHT_UP_MS : BEHIND_MS)
      return behindMs === before.behindMs && tooFar === before.tooFar ? before : { behindMs, tooFar }
    })
  }
  const measuring = setInterval(measureDelay, DELAY_PERIOD_MS)

  const takeBatch = ({ messages, sinceMs }: Batch): void => {
    const fixes: (readonly [string, LocationUpdate])[] = []
    const statuses: (readonly [string, DeviceStatus | null])[] = []
    const timestamps: (readonly [string, number])[] = []
    for (const message of messages) {
      if (message.kind === 'fix') {
        fixes.push([message.deviceId, message.fix])
        if (message.retained !== true) timestamps.push([message.deviceId, message.fix.timestamp])
      } else if (message.kind === 'status') statuses.push([message.deviceId, message.status])
      else take(message)
    }
    fixesTaken += fixes.length
    devices.set(known => applyFixes(applyStatuses(known, statuses), fixes))
    freshness.applied(timestamps, Math.max(0, Date.now() - sinceMs), performance.now())
  }

  const take = (message: Exclude<LiveMessage, { kind: 'fix' | 'status' }>): void => {
    switch (message.kind) {
      case 'fence':
        return fences.set(known => withFence(known, message.fenceId, message.fence))
      case 'alert':
        return alerts.set(known => addAlerts(known, [message.event]))
      case 'sos':
        return sos.set(known => applySos(known, message.event, Date.now()))
      case 'sosOpen': {
        const { deviceId, event } = message
        return sos.set(known => (event === null ? closeDevice(known, deviceId) : applySos(known, event, Date.now())))
      }
      case 'error':
        return notify('error', message.notice.message)
    }
  }

  /** Retained messages tell what is; only HTTP tells what happened, and what went away, while nobody listened. */
  const fillGap = (): void => {
    const token = (): Promise<string> => auth.accessToken()
    const attempt = (what: string, run: () => Promise<void>, tries = 0): void => {
      run().catch(error => {
        if (isTransient(error) && tries < FILL_TRIES) after(backoffMs(tries, 0.5), () => attempt(what, run, tries + 1))
        else notify('error', `${what} could not be loaded: ${(error as Error).message}`)
      })
    }
    attempt('Open SOS alerts', async () => {
      const askedAtMs = Date.now()
      const { open, complete } = await fetchOpenSos(api, token)
      const now = Date.now()
      sos.set(known =>
        complete
          ? reconcileSos(known, open, askedAtMs, now)
          : open.reduce((state, event) => applySos(state, event, now), known),
      )
    })
    attempt('Alerts', async () => {
      const events = await fetchAlerts(api, token, alerts.get().ids)
      alerts.set(list => addAlerts(list, events))
    })
    attempt('Fences', async () => {
      const { fences: listed, complete } = await fetchFences(api, token)
      const fromHttp = new Map(listed.map(fence => [fence.id, fence]))
      fences.set(known => (complete ? fromHttp : new Map([...known, ...fromHttp])))
    })
    attempt('Devices', async () => {
      const listed = await fetchDevices(api, token)
      // Also the newest fixes: what is kept for MQTT may have been passed over where a right was given meanwhile.
      const fixes = listed.flatMap(({ id, last }) => (last === null ? [] : [[id, last] as const]))
      devices.set(known => applyFixes(applyRegistered(known, listed), fixes))
    })
    if (config.get() === null) {
      // Without it the bundled basemap is all there is, which is no fault worth a message.
      fetchConfig(api, token).then(config.set, () => undefined)
    }
  }

  const connection = startConnection({
    url: mqttUrl,
    clientId,
    username: session.sub,
    subscriptions: subscriptionsOf(session.org, session.sub),
    locationFilter: locationFilter(session.org),
    openWire,
    freshToken: () => auth.socketToken(),
    onRefused: () => auth.refused(),
    onOnline() {
      freshness.reset()
      fillGap()
    },
    onBatch: takeBatch,
    onProbe(roundTripMs) {
      freshness.probed(roundTripMs)
      measureDelay()
    },
  })

  return {
    session,
    connection,
    delay,
    drawn: delayMs => freshness.drawn(delayMs, performance.now()),
    devices,
    fixesTaken: () => fixesTaken,
    fences,
    alerts,
    sos,
    unknownDevices,
    notices,
    config,
    now: () => Date.now() + api.clockOffsetMs(),
    async request(path, request) {
      return api.request(path, { ...request, token: await auth.accessToken() })
    },
    async history(deviceId, sinceMs) {
      const nowMs = Date.now() + api.clockOffsetMs()
      return fetchHistory(api, () => auth.accessToken(), deviceId, { fromMs: nowMs - sinceMs, toMs: nowMs })
    },
    track: (deviceId, window) => fetchHistory(api, () => auth.accessToken(), deviceId, window),
    rawMessages(deviceId, events) {
      const filter = `${session.org}/devices/${deviceId}/#`
      return openRawMessages({ url: mqttUrl, username: session.sub, token: () => auth.socketToken(), filter }, events)
    },
    async answerSos(alertId, action, note) {
      const body = note === '' ? {} : { note }
      await this.request(`/sos/${encodeURIComponent(alertId)}/${action}`, { method: 'POST', body })
    },
    notify,
    dismiss,
    close() {
      connection.close()
      unknownDevices.close()
      clearInterval(measuring)
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
    },
  }
}

function withFence(known: Fences, id: string, fence: FenceFeature | null): Fences {
  const next = new Map(known)
  if (fence === null) next.delete(id)
  else next.set(id, fence)
  return next
}
