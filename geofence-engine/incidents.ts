import {
  CAUSES_GONE,
  type CauseGone,
  type CompleteIncidentSettings,
  type DeviceEvent,
  type GeofenceEvent,
  type Incident,
  type IncidentChange,
  type IncidentKind,
  mayStorm,
  TrackwireError,
} from '../contract/index.ts'
import { incidentId } from './event-id.ts'
import type { Signal } from './incident-signal.ts'
import { incidentKey } from './incident-signal.ts'

/** One time that the condition of an incident lasted. Times are the events' own. */
export interface Episode {
  readonly id?: string
  readonly beginId: string
  readonly beganAt: number
  readonly endId?: string
  readonly endedAt?: number
  /** Its begin was not announced; then its end is not either. */
  readonly silent?: true
}

/** An incident as it is kept. Survives `JSON.parse(JSON.stringify(record))`. */
export interface IncidentRecord {
  readonly key: string
  readonly incident: Incident
  /** Every open one, and the newest that ended. */
  readonly episodes: readonly Episode[]
  /** Its condition has not lasted long enough yet to be shown to anyone. */
  readonly pending?: true
  /** Begins that are announced when `dueAt` has come, should their episodes last till then. */
  readonly withheld?: readonly DeviceEvent[]
  /** By the platform's clock: when somebody has to look at it again. */
  readonly dueAt?: number
  /** By the platform's clock: when its condition last began to be news. Storms count by it. */
  readonly noticedAt: number
  /** It was part of a storm since then: it does not make another one. */
  readonly stormed?: true
  /** When its retained message was last published; absent: there is none. */
  readonly shownAt?: number
}

/** What the signals meet. */
export interface IncidentBook {
  /** By key: the open incident, or else the newest one. The keys of all signals, and of the storms of their kinds. */
  readonly byKey: ReadonlyMap<string, IncidentRecord>
  /** Older ones, by the id of an event that a signal takes back or of an episode that one ends. */
  readonly byEvent: ReadonlyMap<string, IncidentRecord>
  /** By kind: open incidents noticed within the window of storms. */
  readonly recent: ReadonlyMap<IncidentKind, readonly IncidentRecord[]>
}

export interface TimelineEntry {
  readonly incidentId: string
  readonly change: IncidentChange | 'began' | 'seen' | 'ended' | 'retracted' | 'member-joined' | 'member-left'
  readonly eventId?: string
  readonly deviceId?: string
  /** Storms: the incident that joined or left. */
  readonly memberId?: string
  readonly by?: string
  readonly note?: string
  readonly reason?: string
  /** The event's own time, where one caused it. */
  readonly timestamp?: number
}

export interface Looked {
  /** By incident id; new and changed ones. */
  readonly changed: ReadonlyMap<string, IncidentRecord>
  readonly timeline: readonly TimelineEntry[]
  /** Ids of events among the signals that are stored, but not announced. */
  readonly quiet: ReadonlySet<string>
  /** Events to be announced now, beside those among the signals that are not quiet. */
  readonly announce: readonly DeviceEvent[]
  /** Retained messages: the incident, or null for an empty one. */
  readonly publish: readonly { readonly incidentId: string; readonly incident: Incident | null }[]
  /** Storms that are over while devices are still in them: those speak for themselves again, see {@link releaseMembers}. */
  readonly overStorms: readonly string[]
}

/** A storm is over when fewer than this part of its devices are left. */
const STORM_ENDS_BELOW = 0.2
/** A storm's count is published once in so long at the most. */
const STORM_INTERVAL_MS = 5_000
const FIRST_DEVICES = 10
/** Episodes that ended and could still be taken back. */
const ENDED_EPISODES = 20

/** What events mean for the incidents of an organisation. Pure; `nowMs` is the platform's clock. */
export function lookAfter(
  org: string,
  book: IncidentBook,
  signals: readonly Signal[],
  settings: CompleteIncidentSettings,
  nowMs: number,
): Looked {
  const desk = new Desk(org, book, settings, nowMs)
  for (const signal of signals) desk.take(signal)
  return desk.result()
}

/** The time has come that records asked for in `dueAt`. `book` holds them by key, with the storms of their kinds. */
export function lookAgain(
  org: string,
  book: IncidentBook,
  due: readonly IncidentRecord[],
  settings: CompleteIncidentSettings,
  nowMs: number,
): Looked {
  const desk = new Desk(org, book, settings, nowMs)
  for (const record of due) desk.due(record)
  return desk.result()
}

export interface IncidentAnswerGiven {
  readonly action: 'acknowledge' | 'close'
  readonly by: string
  readonly note?: string
}

/**
 * Somebody looks after an incident, or closes it whatever its condition. Acknowledged again: nothing changes.
 * @param book holds the storm of its kind
 * @throws TrackwireError incident_closed
 */
export function answerIncident(
  org: string,
  book: IncidentBook,
  record: IncidentRecord,
  answer: IncidentAnswerGiven,
  { settings, nowMs }: { readonly settings: CompleteIncidentSettings; readonly nowMs: number },
): Looked {
  const { state, incidentId: id } = record.incident
  if (state === 'closed') throw new TrackwireError('incident_closed', `incident ${id} is already closed`)
  const desk = new Desk(org, book, settings, nowMs)
  desk.answer(record, answer)
  return desk.result()
}

/** An open incident that is about something nobody watches any more, or that `ended` without an event. */
export interface Withdrawal {
  readonly record: IncidentRecord
  readonly reason: CauseGone | 'ended'
  /** Ids of the episodes that are concerned; all when left out. */
  readonly episodes?: readonly string[]
  /** When it was over, in event time: what began later lasts. Now, and all, when left out. */
  readonly at?: number
}

/**
 * The causes of incidents are gone: their episodes are over without an event, and who has none left is closed. An end that is told
 * later finds it closed; what begins after its cause was gone is another incident. @param book holds the storms of their kinds
 */
export function withdrawIncidents(
  org: string,
  book: IncidentBook,
  withdrawals: readonly Withdrawal[],
  { settings, nowMs }: { readonly settings: CompleteIncidentSettings; readonly nowMs: number },
): Looked {
  const desk = new Desk(org, book, settings, nowMs)
  for (const withdrawal of withdrawals) desk.withdraw(withdrawal)
  return desk.result()
}

/** The storm is over, these are still open: they are shown on their own again. */
export function releaseMembers(stormId: string, members: readonly IncidentRecord[], nowMs: number): Looked {
  const records = new Map<string, IncidentRecord>()
  const timeline: TimelineEntry[] = []
  const publish: Looked['publish'][number][] = []
  for (const member of members) {
    const { partOf: _, ...own } = member.incident
    const after = { ...changed({ ...member, incident: own }, 'left-storm'), shownAt: nowMs }
    const { incidentId: id, deviceId } = own
    records.set(id, after)
    publish.push({ incidentId: id, incident: after.incident })
    timeline.push({ incidentId: id, change: 'left-storm', memberId: stormId, ...(deviceId && { deviceId }) })
  }
  return { ...NOTHING, changed: records, timeline, publish }
}

const NOTHING: Looked = {
  changed: new Map(),
  timeline: [],
  quiet: new Set(),
  announce: [],
  publish: [],
  overStorms: [],
}

/** The incidents while signals are taken one after the other. */
class Desk {
  readonly #org: string
  readonly #book: IncidentBook
  readonly #settings: CompleteIncidentSettings
  readonly #nowMs: number
  readonly #changed = new Map<string, IncidentRecord>()
  /** Overrides the book's, as signals open new ones. */
  readonly #newest = new Map<string, IncidentRecord>()
  readonly #timeline: TimelineEntry[] = []
  readonly #quiet = new Set<string>()
  readonly #announce: DeviceEvent[] = []
  /** Not to be announced after all: a storm speaks for them. */
  readonly #takenBack = new Set<string>()
  readonly #overStorms = new Set<string>()
  /** Begins that are announced with this very transaction, by incident: a storm that breaks out in it can still take them back. */
  readonly #fresh = new Map<string, string[]>()

  constructor(org: string, book: IncidentBook, settings: CompleteIncidentSettings, nowMs: number) {
    this.#org = org
    this.#book = book
    this.#settings = settings
    this.#nowMs = nowMs
  }

  take(signal: Signal): void {
    if (signal.type === 'begin') this.#begin(signal)
    else if (signal.type === 'seen') this.#seen(signal)
    else if (signal.type === 'end') this.#end(signal)
    else this.#retract(signal)
  }

  due(record: IncidentRecord): void {
    const current = this.#now(record)
    if (current.dueAt === undefined || current.dueAt > this.#nowMs) return
    if (current.pending) this.#surface(without(current, 'dueAt'))
    else if (current.withheld !== undefined) this.#speak(without(current, 'dueAt'))
    else this.#put(without(current, 'dueAt'))
  }

  answer(record: IncidentRecord, { action, by, note }: IncidentAnswerGiven): void {
    const said = { by, ...(note !== undefined && { note }) }
    const { incidentId: id, state, storm } = record.incident
    if (action === 'acknowledge') {
      if (state === 'acknowledged') return
      this.#timeline.push({ incidentId: id, change: 'acknowledged', ...said })
      this.#put(changed(record, 'acknowledged', { state: 'acknowledged', acknowledged: { ...said, at: this.#nowMs } }))
      return
    }
    this.#timeline.push({ incidentId: id, change: 'closed', reason: 'by-hand', ...said })
    const closed = { reason: 'by-hand' as const, at: this.#nowMs, ...said }
    this.#leaveStorm(record)
    this.#put(without(changed(record, 'closed', { state: 'closed', closed }), 'withheld', 'dueAt'))
    if (storm !== undefined && storm.count > 0) this.#overStorms.add(id)
  }

  withdraw({ record, reason, episodes: concerned, at = this.#nowMs }: Withdrawal): void {
    const met = this.#now(record)
    if (met.incident.state === 'closed') return
    const isOver = ({ id, beganAt, endedAt }: Episode): boolean =>
      endedAt === undefined &&
      (reason !== 'ended' || beganAt <= at) &&
      (concerned === undefined || (id !== undefined && concerned.includes(id)))
    const over = new Set(met.episodes.filter(isOver).map(({ beginId }) => beginId))
    if (reason === 'ended' && over.size === 0) return
    const withheld = met.withheld?.filter(({ id }) => !over.has(id))
    const episodes = met.episodes.map(episode => (isOver(episode) ? { ...episode, endedAt: at } : episode))
    const after = withheld?.length ? { ...met, episodes, withheld } : without({ ...met, episodes }, 'withheld')
    if (isLasting(after)) {
      this.#put(after)
      return
    }
    if (!met.pending) this.#note(after, 'closed', undefined, reason)
    this.#leaveStorm(after)
    const closed = { reason, at }
    this.#put(without(changed(after, 'closed', { state: 'closed', closed }), 'dueAt'))
  }

  result(): Looked {
    const publish: Looked['publish'][number][] = []
    for (const [id, record] of this.#changed) {
      const shown = this.#show(record)
      if (shown === undefined) continue
      this.#changed.set(id, shown.record)
      if (shown.message !== undefined) publish.push({ incidentId: id, incident: shown.message })
    }
    return {
      changed: this.#changed,
      timeline: this.#timeline,
      quiet: this.#quiet,
      announce: this.#announce.filter(({ id }) => !this.#takenBack.has(id)),
      publish,
      overStorms: [...this.#overStorms],
    }
  }

  #begin(signal: Signal): void {
    const { event, eventId } = signal
    const met = this.#find(signal.key)
    if (met?.episodes.some(({ beginId }) => beginId === eventId)) return
    const known = signal.episode === undefined ? undefined : met?.episodes.find(({ id }) => id === signal.episode)
    if (met !== undefined && known !== undefined) {
      // The same time the condition lasted, told anew.
      this.#put(replaced(met, known, { ...known, beginId: eventId, beganAt: event.timestamp }))
      return
    }
    const episode: Episode = {
      beginId: eventId,
      beganAt: event.timestamp,
      ...(signal.episode !== undefined && { id: signal.episode }),
    }
    if (met === undefined || !this.#continues(met, signal)) this.#open(signal, episode)
    else if (met.incident.state === 'closed') this.#reopen(met, signal, episode)
    else this.#again(met, signal, episode)
  }

  /** Whether what begins now belongs to an incident that is there. */
  #continues(met: IncidentRecord, { kind, key, event, eventId }: Signal): boolean {
    const { incident } = met
    // Over before anyone saw it: it is nobody's.
    if (incident.state === 'closed' && met.pending) return false
    if (incident.state !== 'closed' || incident.incidentId === incidentId(this.#org, key, eventId)) return true
    const { reason, at } = incident.closed!
    // What begins in the transaction that takes its begin back is the same, told anew.
    if (reason === 'retracted' && at === this.#nowMs) return true
    if (isCauseGone(reason)) return false
    const cooldownMs = this.#settings.cooldownSeconds[kind] * 1_000
    if (cooldownMs === 0) return false
    const over = reason === 'by-hand' ? Math.max(at, lastEnd(met)) : lastEnd(met)
    return event.timestamp - over <= cooldownMs && event.timestamp >= incident.openedAt - cooldownMs
  }

  #open(signal: Signal, episode: Episode): void {
    const { kind, key, event, eventId } = signal
    const id = incidentId(this.#org, key, eventId)
    const record: IncidentRecord = {
      key,
      incident: {
        incidentId: id,
        kind,
        state: 'open',
        change: 'opened',
        text: textOf(kind, event),
        ...aboutOf(event),
        openedAt: event.timestamp,
        lastSeenAt: event.timestamp,
        count: 1,
      },
      episodes: [episode],
      noticedAt: this.#nowMs,
    }
    const minMs = this.#settings.minSeconds[kind] * 1_000
    this.#note(record, 'began', signal)
    const dueAt = event.timestamp + minMs
    if (minMs > 0 && dueAt > this.#nowMs) {
      this.#put({ ...this.#withhold(record, signal), pending: true, dueAt })
    } else this.#surface(minMs > 0 ? this.#withhold(record, signal) : record, signal)
  }

  /** It lasted long enough to be shown. */
  #surface(record: IncidentRecord, signal?: Signal): void {
    const shown = without(changed({ ...record, noticedAt: this.#nowMs }, 'opened'), 'pending')
    this.#note(shown, 'opened')
    if (signal !== undefined && record.withheld === undefined) this.#isFresh(shown, signal.eventId)
    if (!this.#joinsStorm(shown)) this.#speak(shown)
  }

  /** Begins again while it lasts, or another time of it is told late. */
  #again(met: IncidentRecord, signal: Signal, episode: Episode): void {
    const { event, eventId } = signal
    let after = changed(withEpisode(met, episode), met.incident.change === 'opened' ? 'opened' : 'updated', {
      count: met.incident.count + 1,
      lastSeenAt: Math.max(met.incident.lastSeenAt, event.timestamp),
    })
    this.#note(after, 'began', signal)
    if (met.pending || met.incident.partOf !== undefined) {
      after = this.#withhold(after, signal)
      if (met.incident.partOf !== undefined) after = without(after, 'withheld')
    } else this.#isFresh(after, eventId)
    this.#put(after)
  }

  #reopen(met: IncidentRecord, signal: Signal, episode: Episode): void {
    const { kind, event, eventId } = signal
    const { closed, partOf: _, ...incident } = met.incident
    const toldAnew = closed!.reason === 'retracted'
    const acknowledged = closed!.reason !== 'by-hand' && incident.acknowledged !== undefined
    const record: IncidentRecord = without(
      {
        ...withEpisode(met, episode),
        incident: {
          ...incident,
          ...aboutOf(event),
          state: acknowledged ? 'acknowledged' : 'open',
          change: toldAnew ? incident.change : 'reopened',
          count: incident.count + 1,
          lastSeenAt: Math.max(incident.lastSeenAt, event.timestamp),
        },
        noticedAt: this.#nowMs,
      },
      'stormed',
      'pending',
    )
    this.#note(record, 'began', signal)
    this.#note(record, 'reopened', signal)
    if (toldAnew) {
      this.#isFresh(record, eventId)
      if (!this.#joinsStorm(record)) this.#put(record)
      return
    }
    // Flapping is not news; lasting as long as the cooldown is.
    const dueAt = this.#nowMs + this.#settings.cooldownSeconds[kind] * 1_000
    const held = this.#withhold(record, signal)
    if (!this.#joinsStorm(held)) this.#put(held.withheld === undefined ? held : { ...held, dueAt })
  }

  #seen(signal: Signal): void {
    const { event } = signal
    const met = this.#find(signal.key)
    if (met === undefined || met.incident.state === 'closed') {
      const ended = met !== undefined && lastEnd(met) >= event.timestamp
      // Closed by hand while it lasts: it stays closed.
      const lasting = met?.episodes.some(({ endedAt }) => endedAt === undefined) === true
      if (!ended && !lasting) this.#begin({ ...signal, type: 'begin' })
      return
    }
    this.#note(met, 'seen', signal)
    this.#put(changed(met, 'updated', { lastSeenAt: Math.max(met.incident.lastSeenAt, event.timestamp) }))
  }

  #end(signal: Signal): void {
    const { event, eventId, episode: id } = signal
    const met = this.#holding(signal)
    if (met === undefined) return
    const episode = episodeEndedBy(met, id, event.timestamp)
    if (episode === undefined) return
    if (episode.silent) this.#quiet.add(eventId)
    const ended = { ...episode, endId: eventId, endedAt: event.timestamp }
    const withheld = met.withheld?.filter(begin => begin.id !== episode.beginId)
    // A schedule that begins again while the device stays tells another begin: leaving ends them all.
    const known = id === undefined ? endedBefore(met, episode, event.timestamp) : met
    let after = changed(replaced(known, episode, ended), undefined, {
      lastSeenAt: Math.max(met.incident.lastSeenAt, event.timestamp),
    })
    after = withheld?.length ? { ...after, withheld } : without(after, 'withheld')
    this.#note(after, 'ended', signal)
    if (!isLasting(after)) after = this.#over(after, met, signal, ended)
    this.#put(after)
  }

  /** Nothing of it lasts any more. */
  #over(after: IncidentRecord, met: IncidentRecord, signal: Signal, ended: Episode): IncidentRecord {
    const { kind, event } = signal
    const closed = { reason: 'ended' as const, at: event.timestamp }
    if (isCauseGone(met.incident.closed?.reason)) return after
    if (met.pending) {
      const minMs = this.#settings.minSeconds[kind] * 1_000
      const begin = met.withheld?.find(({ id }) => id === ended.beginId)
      if (ended.endedAt! - ended.beganAt < minMs || begin === undefined) {
        const short = { ...closed, reason: 'too-short' as const }
        return without(changed(after, 'closed', { state: 'closed', closed: short }), 'dueAt')
      }
      // Told late, and it did last: begin and end are told now, in this order.
      this.#quiet.delete(event.id)
      if (!this.#quiet.delete(begin.id)) {
        this.#announce.push(begin, event as DeviceEvent)
        this.#quiet.add(event.id)
      }
      const shown = replaced(without(after, 'pending', 'dueAt'), ended, without(ended, 'silent'))
      this.#note(shown, 'opened')
      this.#note(shown, 'closed', signal, 'ended')
      return { ...changed(shown, 'closed', { state: 'closed', closed }), noticedAt: this.#nowMs }
    }
    if (after.incident.state === 'closed') return after
    this.#note(after, 'closed', signal, 'ended')
    this.#leaveStorm(after)
    return without(changed(after, 'closed', { state: 'closed', closed }), 'dueAt')
  }

  #retract(signal: Signal): void {
    const met = this.#holding(signal)
    const episode = met?.episodes.find(({ beginId, endId }) => beginId === signal.eventId || endId === signal.eventId)
    if (met === undefined || episode === undefined) return
    if (episode.silent) this.#quiet.add(signal.event.id)
    this.#note(met, 'retracted', signal)
    if (episode.beginId === signal.eventId) this.#takeBack(met, episode, signal)
    else this.#goesOn(met, episode, signal)
  }

  /** It never began. */
  #takeBack(met: IncidentRecord, episode: Episode, signal: Signal): void {
    const withheld = met.withheld?.filter(({ id }) => id !== episode.beginId)
    const episodes = met.episodes.filter(other => other !== episode)
    const count = met.incident.count - 1
    let after = changed({ ...met, episodes }, undefined, { count })
    after = withheld?.length ? { ...after, withheld } : without(after, 'withheld')
    const { state } = met.incident
    if (count === 0 || (state !== 'closed' && !isLasting(after))) {
      const reason = count === 0 ? ('retracted' as const) : ('ended' as const)
      const byHand = met.incident.closed?.reason === 'by-hand'
      if (state !== 'closed') this.#leaveStorm(after)
      if (!met.pending && state !== 'closed') this.#note(after, 'closed', signal, reason)
      const closed = { reason, at: reason === 'retracted' ? this.#nowMs : lastEnd(after) }
      if (!byHand) after = without(changed(after, 'closed', { state: 'closed', closed }), 'dueAt')
    }
    this.#put(after)
  }

  /** It did not end there. */
  #goesOn(met: IncidentRecord, episode: Episode, signal: Signal): void {
    const { endId: _, endedAt: __, ...lasting } = episode
    const open = replaced(met, episode, lasting)
    const { closed, ...incident } = met.incident
    const other = this.#find(met.key)
    const another = other !== undefined && other.incident.incidentId !== incident.incidentId
    if (closed?.reason !== 'ended' || (another && other.incident.state !== 'closed')) {
      this.#put(open)
      return
    }
    const state = incident.acknowledged === undefined ? 'open' : 'acknowledged'
    const { partOf: ___, ...own } = incident
    this.#note(open, 'reopened', signal)
    this.#put({ ...open, incident: { ...own, state, change: 'reopened' } })
  }

  /** @returns whether a storm speaks for it, one that lasts or one that it makes */
  #joinsStorm(record: IncidentRecord): boolean {
    const { kind } = record.incident
    const { devices, windowSeconds } = this.#settings.storm
    if (devices === 0 || !mayStorm(kind)) return false
    const key = incidentKey('storm', kind)
    const storm = this.#find(key)
    if (storm !== undefined && storm.incident.state !== 'closed') {
      this.#join(storm, [record])
      return true
    }
    this.#put(record)
    const crowd = this.#crowd(kind, this.#nowMs - windowSeconds * 1_000)
    if (new Set(crowd.map(({ incident }) => incident.deviceId)).size < devices) return false
    this.#join(this.#breakOut(key, kind, storm, crowd), crowd)
    return true
  }

  /** Open incidents of the kind that began within the window, and were part of no storm since. */
  #crowd(kind: IncidentKind, sinceMs: number): IncidentRecord[] {
    const met = new Map((this.#book.recent.get(kind) ?? []).map(record => [record.incident.incidentId, record]))
    for (const [id, record] of this.#changed) if (record.incident.kind === kind) met.set(id, record)
    return [...met.keys()]
      .map(id => this.#changed.get(id) ?? met.get(id)!)
      .filter(
        ({ incident, noticedAt, pending, stormed }) =>
          incident.state !== 'closed' && noticedAt > sinceMs && !pending && !stormed && incident.partOf === undefined,
      )
      .sort((a, b) => a.noticedAt - b.noticedAt || (a.incident.incidentId < b.incident.incidentId ? -1 : 1))
  }

  #breakOut(
    key: string,
    kind: IncidentKind,
    before: IncidentRecord | undefined,
    crowd: readonly IncidentRecord[],
  ): IncidentRecord {
    const since = Math.min(...crowd.map(({ noticedAt }) => noticedAt))
    const storm = { kind, count: 0, total: 0, firstDevices: [], since }
    const cooldownMs = this.#settings.cooldownSeconds.storm * 1_000
    const { closed } = before?.incident ?? {}
    if (before !== undefined && closed !== undefined && cooldownMs > 0 && this.#nowMs - closed.at <= cooldownMs) {
      const { closed: _, ...incident } = before.incident
      const state = incident.acknowledged === undefined || closed.reason === 'by-hand' ? 'open' : 'acknowledged'
      const again = { ...incident, state, change: 'reopened' as const, count: incident.count + 1, storm }
      const record = { ...before, incident: again as Incident, noticedAt: this.#nowMs }
      this.#note(record, 'reopened')
      return record
    }
    const id = incidentId(this.#org, key, `${crowd[0]!.episodes.at(-1)?.beginId}/${this.#nowMs}`)
    const incident: Incident = {
      incidentId: id,
      kind: 'storm',
      state: 'open',
      change: 'opened',
      text: '',
      openedAt: since,
      lastSeenAt: this.#nowMs,
      count: 1,
      storm,
    }
    const record: IncidentRecord = { key, incident, episodes: [], noticedAt: this.#nowMs }
    this.#note(record, 'opened')
    return record
  }

  #join(storm: IncidentRecord, members: readonly IncidentRecord[]): void {
    const stormId = storm.incident.incidentId
    const known = storm.incident.storm!
    const firstDevices = [...known.firstDevices]
    for (const member of members) {
      const { incidentId: id, deviceId } = member.incident
      if (firstDevices.length < FIRST_DEVICES && deviceId !== undefined && !firstDevices.includes(deviceId)) {
        firstDevices.push(deviceId)
      }
      // Stored with this transaction and not announced yet: the storm speaks for it.
      const unsaid = [...(this.#fresh.get(id) ?? []), ...(member.withheld ?? []).map(event => event.id)]
      for (const eventId of unsaid) {
        this.#quiet.add(eventId)
        this.#takenBack.add(eventId)
      }
      const episodes = member.episodes.map(episode =>
        unsaid.includes(episode.beginId) ? { ...episode, silent: true as const } : episode,
      )
      this.#timeline.push({
        incidentId: stormId,
        change: 'member-joined',
        memberId: id,
        ...(deviceId !== undefined && { deviceId }),
        ...(episodes.length > 0 && { eventId: episodes.at(-1)!.beginId, timestamp: episodes.at(-1)!.beganAt }),
      })
      this.#note(member, 'joined-storm', undefined, stormId)
      const joined = changed({ ...member, episodes, stormed: true }, 'joined-storm', { partOf: stormId })
      this.#put(without(joined, 'withheld', 'dueAt'))
    }
    const count = known.count + members.length
    const counted = { ...known, count, total: known.total + members.length, firstDevices }
    this.#put(stormCounted(storm, counted, this.#nowMs))
  }

  #leaveStorm({ incident: { incidentId: id, partOf, kind, deviceId } }: IncidentRecord): void {
    const storm = partOf === undefined ? undefined : this.#find(incidentKey('storm', kind))
    if (storm === undefined || storm.incident.incidentId !== partOf || storm.incident.state === 'closed') return
    const { incidentId: stormId } = storm.incident
    this.#timeline.push({ incidentId: stormId, change: 'member-left', memberId: id, ...(deviceId && { deviceId }) })
    const known = storm.incident.storm!
    const count = known.count - 1
    let after = stormCounted(storm, { ...known, count }, this.#nowMs)
    if (count < Math.max(1, known.total * STORM_ENDS_BELOW)) {
      const closed = { reason: 'ended' as const, at: this.#nowMs }
      after = without(changed(after, 'closed', { state: 'closed', closed }), 'dueAt')
      this.#note(after, 'closed', undefined, 'ended')
      if (count > 0) this.#overStorms.add(stormId)
    }
    this.#put(after)
  }

  /** Announces what was withheld and lasts. */
  #speak(record: IncidentRecord): void {
    if (record.withheld === undefined) {
      this.#put(record)
      return
    }
    const said = new Set<string>()
    for (const event of record.withheld) {
      const episode = record.episodes.find(({ beginId }) => beginId === event.id)
      if (episode === undefined || episode.endedAt !== undefined) continue
      // Of this very transaction: then it is among the signals, and need only be let through.
      if (!this.#quiet.delete(event.id)) this.#announce.push(event)
      this.#isFresh(record, event.id)
      said.add(event.id)
    }
    const episodes = record.episodes.map(episode => (said.has(episode.beginId) ? without(episode, 'silent') : episode))
    this.#note(record, 'announced')
    this.#put(without({ ...record, episodes }, 'withheld'))
  }

  /** Stored, and for now not announced. Fence events are facts of their own: they are announced whatever becomes of the incident. */
  #withhold(record: IncidentRecord, { event, eventId }: Signal): IncidentRecord {
    if (!isDeviceEvent(event)) return record
    this.#quiet.add(eventId)
    const episodes = record.episodes.map(episode =>
      episode.beginId === eventId ? { ...episode, silent: true as const } : episode,
    )
    return { ...record, episodes, withheld: [...(record.withheld ?? []), event] }
  }

  #isFresh({ incident }: IncidentRecord, eventId: string): void {
    this.#fresh.set(incident.incidentId, [...(this.#fresh.get(incident.incidentId) ?? []), eventId])
  }

  /** What is to be retained of it; undefined: as it is. */
  #show(record: IncidentRecord): { record: IncidentRecord; message?: Incident | null } | undefined {
    const { incident, pending, shownAt } = record
    if (incident.state === 'closed' || pending || incident.partOf !== undefined) {
      return shownAt === undefined ? undefined : { record: without(record, 'shownAt'), message: null }
    }
    const mayWait = incident.storm !== undefined && incident.change === 'updated'
    if (mayWait && shownAt !== undefined && shownAt + STORM_INTERVAL_MS > this.#nowMs) {
      return { record: { ...record, dueAt: shownAt + STORM_INTERVAL_MS } }
    }
    return { record: { ...record, shownAt: this.#nowMs }, message: incident }
  }

  #find(key: string): IncidentRecord | undefined {
    const found = this.#newest.get(key) ?? this.#book.byKey.get(key)
    return found === undefined ? undefined : this.#now(found)
  }

  /** The incident that an end or a retraction is about. */
  #holding({ key, eventId, episode, type, event }: Signal): IncidentRecord | undefined {
    const older = this.#book.byEvent.get(type === 'retract' ? eventId : (episode ?? eventId))
    const candidates = [this.#find(key), older === undefined ? undefined : this.#now(older)]
    const holds = ({ episodes }: IncidentRecord): boolean =>
      type === 'retract'
        ? episodes.some(({ beginId, endId }) => beginId === eventId || endId === eventId)
        : episode === undefined
          ? episodes.some(({ endedAt, beganAt }) => endedAt === undefined && beganAt <= event.timestamp)
          : episodes.some(({ id }) => id === episode)
    return candidates.find(record => record !== undefined && holds(record))
  }

  #now(record: IncidentRecord): IncidentRecord {
    return this.#changed.get(record.incident.incidentId) ?? record
  }

  #put(record: IncidentRecord): void {
    this.#changed.set(record.incident.incidentId, record)
    const newest = this.#newest.get(record.key) ?? this.#book.byKey.get(record.key)
    const other = newest === undefined ? undefined : this.#now(newest)
    if (other === undefined || !isNewer(other, record)) this.#newest.set(record.key, record)
  }

  #note({ incident }: IncidentRecord, change: TimelineEntry['change'], signal?: Signal, reason?: string): void {
    this.#timeline.push({
      incidentId: incident.incidentId,
      change,
      ...(signal !== undefined && { eventId: signal.eventId, timestamp: signal.event.timestamp }),
      ...(incident.deviceId !== undefined && { deviceId: incident.deviceId }),
      ...(reason !== undefined && { reason }),
    })
  }
}

/** Of two incidents with one key: the open one, else the one that began later. */
function isNewer(a: IncidentRecord, b: IncidentRecord): boolean {
  const open = (record: IncidentRecord): number => (record.incident.state === 'closed' ? 0 : 1)
  return open(a) !== open(b) ? open(a) > open(b) : a.incident.openedAt > b.incident.openedAt
}

function isCauseGone(reason: NonNullable<Incident['closed']>['reason'] | undefined): boolean {
  return (CAUSES_GONE as readonly (string | undefined)[]).includes(reason)
}

function isDeviceEvent(event: DeviceEvent | GeofenceEvent): event is DeviceEvent {
  return 'phase' in event
}

function isLasting({ episodes }: IncidentRecord): boolean {
  return episodes.some(({ endedAt }) => endedAt === undefined)
}

function lastEnd({ episodes }: IncidentRecord): number {
  return Math.max(Number.MIN_SAFE_INTEGER, ...episodes.map(({ endedAt }) => endedAt ?? Number.MIN_SAFE_INTEGER))
}

function episodeEndedBy({ episodes }: IncidentRecord, id: string | undefined, timestamp: number): Episode | undefined {
  if (id !== undefined) return episodes.find(episode => episode.id === id)
  return episodes
    .filter(({ beganAt, endedAt }) => endedAt === undefined && beganAt <= timestamp)
    .reduce<Episode | undefined>((a, b) => (a === undefined || b.beganAt > a.beganAt ? b : a), undefined)
}

/** The others that began before this end and still last are over with it. */
function endedBefore(record: IncidentRecord, episode: Episode, timestamp: number): IncidentRecord {
  const isOver = (other: Episode): boolean =>
    other !== episode && other.endedAt === undefined && other.beganAt <= timestamp
  const episodes = record.episodes.map(other => (isOver(other) ? { ...other, endedAt: timestamp } : other))
  return { ...record, episodes }
}

function withEpisode(record: IncidentRecord, episode: Episode): IncidentRecord {
  const ended = record.episodes.filter(({ endedAt }) => endedAt !== undefined)
  const forgotten = new Set(ended.slice(0, Math.max(0, ended.length + 1 - ENDED_EPISODES)))
  return { ...record, episodes: [...record.episodes.filter(other => !forgotten.has(other)), episode] }
}

function replaced(record: IncidentRecord, before: Episode, after: Episode): IncidentRecord {
  return { ...record, episodes: record.episodes.map(episode => (episode === before ? after : episode)) }
}

function changed(
  record: IncidentRecord,
  change: IncidentChange | undefined,
  more: Partial<Incident> = {},
): IncidentRecord {
  return { ...record, incident: { ...record.incident, ...(change !== undefined && { change }), ...more } }
}

function stormCounted(record: IncidentRecord, storm: NonNullable<Incident['storm']>, nowMs: number): IncidentRecord {
  const news = record.shownAt === undefined ? record.incident.change : 'updated'
  return changed(record, news, {
    storm,
    text: `${storm.count} ${storm.count === 1 ? 'device' : 'devices'} ${WORDS[storm.kind]}: one incident`,
    lastSeenAt: nowMs,
  })
}

function aboutOf(event: DeviceEvent | GeofenceEvent): Partial<Incident> {
  const { deviceId, fenceId, location, severity } = event
  const { otherDeviceId, source } = isDeviceEvent(event) ? event : ({} as Partial<DeviceEvent>)
  return {
    deviceId,
    ...(fenceId !== undefined && { fenceId }),
    ...(otherDeviceId !== undefined && { otherDeviceId }),
    ...(location !== undefined && { location }),
    ...(source !== undefined && { source }),
    ...(severity !== undefined && { severity }),
  }
}

const WORDS: Readonly<Record<IncidentKind, string>> = {
  offline: 'offline',
  overspeed: 'too fast',
  idle: 'idle',
  tow: 'moving with the ignition off',
  'low-battery': 'low on battery',
  'off-route': 'off route',
  near: 'near',
  'identity-clash': 'active from two places at once',
  'power-cut': 'cut off from its power supply',
  'low-power': 'low on supply voltage',
  tampering: 'being tampered with',
  vibration: 'being shaken',
  accident: 'in an accident',
  'fall-down': 'lying: its bearer may have fallen',
  jamming: 'being jammed',
  'gps-antenna-cut': 'without its GPS antenna',
  geofence: 'at a fence',
  overstay: 'staying too long',
  storm: 'in a storm',
}

function textOf(kind: IncidentKind, event: DeviceEvent | GeofenceEvent): string {
  const { deviceId } = event
  if (!isDeviceEvent(event)) {
    const what = kind === 'overstay' ? 'stays too long in' : event.event === 'exit' ? 'left' : 'is in'
    return `${deviceId} ${what} ${event.fenceName}`
  }
  return event.otherDeviceId === undefined
    ? `${deviceId} is ${WORDS[kind]}`
    : `${deviceId} is ${WORDS[kind]} ${event.otherDeviceId}`
}

/** The same without these members: what is absent is not `undefined`, so that records compare as JSON. */
function without<Value extends object, Key extends keyof Value>(value: Value, ...keys: Key[]): Value {
  const kept = { ...value }
  for (const key of keys) delete kept[key]
  return kept
}
