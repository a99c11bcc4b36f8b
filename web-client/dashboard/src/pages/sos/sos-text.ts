import type { SosEvent } from '../../../../../contract/index.ts'

/** An alert as the API tells it. */
export interface SosAlertView {
  readonly alertId: string
  readonly deviceId: string
  readonly state: 'open' | 'acknowledged' | 'resolved' | 'cancelled'
  readonly openedAt: number
  readonly closedAt: number | null
  readonly drill: boolean
  readonly dueAt: number | null
  readonly outcome: 'resolved' | 'false-alarm' | null
  readonly newest: SosEvent | null
}

export interface SosTimelineEntry {
  readonly event: SosEvent
  readonly storedAt: number
  readonly principal: string | null
  readonly receipts: readonly {
    readonly channel: string
    readonly target: string
    readonly status: string
    readonly receivedAt: number
  }[]
}

/** One entry of the timeline in words. */
export function sosEventText({ event, by, tier = 0, repeat, round, notify, outcome }: SosEvent): string {
  switch (event) {
    case 'triggered':
      return 'SOS triggered'
    case 'acknowledged':
      return `Acknowledged by ${by ?? 'someone'}`
    case 'escalated': {
      const whom = notify === undefined || notify.length === 0 ? '' : `: ${notify.join(', ')}`
      if (round !== undefined && tier === 0) return `Not closed in time: waits for somebody again${whom}`
      const what = tier === 0 ? 'Told once more' : `Escalated to tier ${tier}`
      return `${what}${repeat === undefined ? '' : `, again (${repeat})`}${whom}`
    }
    case 'resolved':
      return `${outcome === 'false-alarm' ? 'False alarm, closed' : 'Resolved'} by ${by ?? 'someone'}`
    case 'cancelled':
      return 'Cancelled by its sender'
  }
}
