import type { OfflineSettings } from '../../contract/index.ts'

/** What is known of a device's connection, by the platform's clock; milliseconds since the Unix epoch. */
export interface Connectivity {
  /** When anything was last heard of it. */
  readonly heardAt: number
  /** When its last session ended; null: it has one, or never had. */
  readonly sessionEndedAt: number | null
  /** Since when it counts as offline; null: it does not. */
  readonly offlineSince: number | null
}

export interface ConnectivityStep {
  readonly state: Connectivity
  /** What became of it, and when. */
  readonly change?: {
    readonly event: 'offline' | 'online'
    readonly at: number
    /** Offline: how long it had been silent, or its session over; online: how long it was offline. */
    readonly seconds: number
    /** Offline: the setting that it reached, in seconds. */
    readonly limit?: number
  }
  /** When to look again; null: not before something is heard. */
  readonly dueAt: number | null
}

/**
 * Offline by silence, or by a session that ended and was not taken up again; online when it is heard again.
 * @param settings null: the rule is off; one that is offline is so no more, nobody is told, and silence counts anew from now
 * @param startedAt when this platform began to listen: silence of before says nothing of the device
 */
export function stepConnectivity(
  state: Connectivity,
  settings: OfflineSettings | null,
  { nowMs, startedAt }: { readonly nowMs: number; readonly startedAt: number },
): ConnectivityStep {
  const { heardAt, offlineSince } = state
  if (offlineSince !== null && settings === null) {
    return { state: { heardAt: nowMs, sessionEndedAt: null, offlineSince: null }, dueAt: null }
  }
  if (offlineSince !== null) {
    if (heardAt <= offlineSince) return { state, dueAt: null }
    const back = stepConnectivity({ ...state, offlineSince: null }, settings, { nowMs: heardAt, startedAt })
    const change = { event: 'online' as const, at: heardAt, seconds: (heardAt - offlineSince) / 1_000 }
    return { ...back, change }
  }
  // Heard after its session had ended, over whatever way: it has come back.
  const endedAt = state.sessionEndedAt !== null && state.sessionEndedAt >= heardAt ? state.sessionEndedAt : null
  const known = { ...state, sessionEndedAt: endedAt }
  if (settings === null) return { state: known, dueAt: null }
  const { silenceSeconds, graceSeconds } = settings
  const silentAt = Math.max(heardAt, startedAt) + silenceSeconds * 1_000
  const goneAt =
    endedAt === null || graceSeconds === undefined
      ? Number.POSITIVE_INFINITY
      : Math.max(endedAt, startedAt) + graceSeconds * 1_000
  const dueAt = Math.min(silentAt, goneAt)
  if (dueAt > nowMs) return { state: known, dueAt }
  const since = goneAt < silentAt ? endedAt! : heardAt
  const limit = goneAt < silentAt ? graceSeconds! : silenceSeconds
  const change = { event: 'offline' as const, at: dueAt, seconds: (dueAt - since) / 1_000, limit }
  return { state: { ...known, offlineSince: dueAt }, change, dueAt: null }
}
