import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkSchema, SosEvent, type SosPolicy, type SosRequest, type TrackwireError } from '../../contract/index.ts'
import {
  answerSos,
  applySosRequest,
  escalateDue,
  escalateSos,
  isOpen,
  type SosAlert,
  sosDueAt,
  sosOpenView,
} from '../../geofence-engine/index.ts'

const ORG = 'acme'
const DEVICE = { org: ORG, deviceId: 'phone-1' }
const POLICY: SosPolicy = {
  tiers: [
    { afterSeconds: 10, notify: ['dispatcher'] },
    { afterSeconds: 30, notify: ['alarm centre'], note: 'code 7', outside: true },
    { afterSeconds: 60, notify: ['admin'] },
  ],
}

type Step =
  | { readonly do: 'trigger' | 'cancel'; readonly id?: string; readonly drill?: true; readonly happened?: number }
  | { readonly do: 'acknowledge' | 'resolve' | 'false-alarm' | 'escalate' | 'clock' }

interface Scene {
  readonly alert: SosAlert | null
  readonly events: readonly SosEvent[]
}

function take(alert: SosAlert | null, step: Step, second: number, policy: SosPolicy, drillMode = false): Scene {
  const timestamp = second * 1_000
  switch (step.do) {
    case 'trigger':
    case 'cancel': {
      const { id = 'a', drill, happened = second } = step
      const request: SosRequest = { action: step.do, id, timestamp: happened * 1_000, ...(drill ? { drill } : {}) }
      return applySosRequest(DEVICE, alert, request, null, { receivedAt: timestamp, drill: drillMode })
    }
    case 'clock':
      return alert === null ? { alert, events: [] } : escalateDue(ORG, alert, policy, timestamp)
    case 'escalate':
      return escalateSos(ORG, alert!, policy, { by: 'ada', timestamp })
    case 'false-alarm':
      return answerSos(ORG, alert!, { action: 'resolve', outcome: 'false-alarm', by: 'ada', timestamp })
    default:
      return answerSos(ORG, alert!, { action: step.do, by: 'ada', timestamp })
  }
}

/** `escalated 2x1 r1 drill` = the second tier once more, in the second round of a drill. */
function short({ event, tier, repeat, round, drill, late, outcome }: SosEvent): string {
  const which = tier === undefined ? '' : ` ${tier}${repeat === undefined ? '' : `x${repeat}`}`
  const ended = outcome === 'false-alarm' ? ' false-alarm' : ''
  return `${event}${which}${round ? ` r${round}` : ''}${drill ? ' drill' : ''}${late ? ' late' : ''}${ended}`
}

/** `[second, step, events, when the next step is due (seconds), state]` */
type Row = readonly [number, Step, string[], number | null, SosAlert['state']]
const TRIGGER: Step = { do: 'trigger' }
const CLOCK: Step = { do: 'clock' }

const stories: readonly { name: string; policy?: SosPolicy; drillMode?: boolean; steps: readonly Row[] }[] = [
  {
    name: 'nobody acknowledges: each tier in its time',
    steps: [
      [0, TRIGGER, ['triggered'], 10, 'open'],
      [9, CLOCK, [], 10, 'open'],
      [10, CLOCK, ['escalated 1'], 30, 'open'],
      [11, CLOCK, [], 30, 'open'],
      [31, CLOCK, ['escalated 2'], 60, 'open'],
      [60, CLOCK, ['escalated 3'], null, 'open'],
      [9_999, CLOCK, [], null, 'open'],
    ],
  },
  {
    name: 'what was due while the platform was down is told at once, in order, each once',
    steps: [
      [0, TRIGGER, ['triggered'], 10, 'open'],
      [45, CLOCK, ['escalated 1', 'escalated 2'], 60, 'open'],
      [45, CLOCK, [], 60, 'open'],
    ],
  },
  {
    name: 'an acknowledgement ends the escalation',
    steps: [
      [0, TRIGGER, ['triggered'], 10, 'open'],
      [5, { do: 'acknowledge' }, ['acknowledged'], null, 'acknowledged'],
      [500, CLOCK, [], null, 'acknowledged'],
      [501, { do: 'resolve' }, ['resolved'], null, 'resolved'],
      [900, CLOCK, [], null, 'resolved'],
    ],
  },
  {
    name: 'an acknowledgement after the first tier',
    steps: [
      [0, TRIGGER, ['triggered'], 10, 'open'],
      [10, CLOCK, ['escalated 1'], 30, 'open'],
      [12, { do: 'acknowledge' }, ['acknowledged'], null, 'acknowledged'],
      [13, { do: 'false-alarm' }, ['resolved false-alarm'], null, 'resolved'],
    ],
  },
  {
    name: 'the last tier told is repeated until somebody acknowledges; missed repeats are not caught up',
    policy: { tiers: [{ afterSeconds: 25, notify: ['admin'] }], repeatSeconds: 10 },
    steps: [
      [0, TRIGGER, ['triggered'], 10, 'open'],
      [10, CLOCK, ['escalated 0x1'], 20, 'open'],
      [20, CLOCK, ['escalated 0x2'], 25, 'open'],
      [25, CLOCK, ['escalated 1'], 35, 'open'],
      [500, CLOCK, ['escalated 1x1'], 510, 'open'],
      [510, CLOCK, ['escalated 1x2'], 520, 'open'],
      [511, { do: 'acknowledge' }, ['acknowledged'], null, 'acknowledged'],
    ],
  },
  {
    name: 'a tier that is due goes before a repeat that was due earlier',
    policy: { tiers: [{ afterSeconds: 25, notify: ['admin'] }], repeatSeconds: 10 },
    steps: [
      [0, TRIGGER, ['triggered'], 10, 'open'],
      [100, CLOCK, ['escalated 1'], 110, 'open'],
    ],
  },
  {
    name: 'acknowledged and not closed in time: it begins again, in a round of its own',
    policy: { tiers: [{ afterSeconds: 10, notify: [] }], reopenAfterSeconds: 100 },
    steps: [
      [0, TRIGGER, ['triggered'], 10, 'open'],
      [10, CLOCK, ['escalated 1'], null, 'open'],
      [11, { do: 'acknowledge' }, ['acknowledged'], 111, 'acknowledged'],
      [111, CLOCK, ['escalated 0 r1'], 121, 'open'],
      [121, CLOCK, ['escalated 1 r1'], null, 'open'],
      [130, { do: 'acknowledge' }, ['acknowledged r1'], 230, 'acknowledged'],
      [131, { do: 'resolve' }, ['resolved r1'], null, 'resolved'],
    ],
  },
  {
    name: 'a person escalates: the next tier now, the others in their time, the last one again',
    steps: [
      [0, TRIGGER, ['triggered'], 10, 'open'],
      [1, { do: 'escalate' }, ['escalated 1'], 30, 'open'],
      [10, CLOCK, [], 30, 'open'],
      [11, { do: 'acknowledge' }, ['acknowledged'], null, 'acknowledged'],
      [12, { do: 'escalate' }, ['escalated 2'], null, 'acknowledged'],
      [13, { do: 'escalate' }, ['escalated 3'], null, 'acknowledged'],
      [14, { do: 'escalate' }, ['escalated 3x1'], null, 'acknowledged'],
    ],
  },
  {
    name: 'a drill escalates inside only, unless a person asks',
    steps: [
      [0, { do: 'trigger', drill: true }, ['triggered drill'], 10, 'open'],
      [90, CLOCK, ['escalated 1 drill', 'escalated 3 drill'], null, 'open'],
      [91, { do: 'cancel' }, ['cancelled drill'], null, 'cancelled'],
      [100, { do: 'trigger', id: 'b', drill: true }, ['triggered drill'], 110, 'open'],
      [101, { do: 'escalate' }, ['escalated 1 drill'], 160, 'open'],
      [102, { do: 'escalate' }, ['escalated 2 drill'], 160, 'open'],
    ],
  },
  {
    name: 'a drill reaches outside when the organisation says so',
    policy: { ...POLICY, drillsReachOutside: true },
    steps: [
      [0, { do: 'trigger', drill: true }, ['triggered drill'], 10, 'open'],
      [90, CLOCK, ['escalated 1 drill', 'escalated 2 drill', 'escalated 3 drill'], null, 'open'],
    ],
  },
  {
    name: 'while the organisation exercises every trigger is a drill, and joins one',
    drillMode: true,
    steps: [
      [0, TRIGGER, ['triggered drill'], 10, 'open'],
      [1, { do: 'trigger', id: 'b' }, [], 10, 'open'],
    ],
  },
  {
    name: 'a real trigger does not join a drill, a drill does join the real thing',
    steps: [
      [0, { do: 'trigger', drill: true }, ['triggered drill'], 10, 'open'],
      [5, { do: 'trigger', id: 'b' }, ['resolved drill', 'triggered'], 15, 'open'],
      [6, { do: 'trigger', id: 'c', drill: true }, [], 15, 'open'],
      [15, CLOCK, ['escalated 1'], 35, 'open'],
    ],
  },
  {
    name: 'a late trigger escalates from its receipt',
    steps: [
      [1_000, { do: 'trigger', happened: 100 }, ['triggered late'], 1_010, 'open'],
      [1_009, CLOCK, [], 1_010, 'open'],
      [1_010, CLOCK, ['escalated 1 late'], 1_030, 'open'],
    ],
  },
  {
    name: 'no tiers, nothing to do',
    policy: { tiers: [] },
    steps: [
      [0, TRIGGER, ['triggered'], null, 'open'],
      [1, { do: 'escalate' }, ['escalated 1'], null, 'open'],
    ],
  },
]

for (const { name, policy = POLICY, drillMode = false, steps } of stories) {
  test(`SOS incident: ${name}`, () => {
    let alert: SosAlert | null = null
    const ids = new Set<string>()
    for (const [second, step, told, due, state] of steps) {
      const scene: Scene = take(alert, step, second, policy, drillMode)
      assert.deepEqual(scene.events.map(short), told, `at ${second} s`)
      for (const event of scene.events) {
        checkSchema(SosEvent, event)
        assert.ok(!ids.has(event.id), `the id of ${short(event)} is its own`)
        ids.add(event.id)
      }
      alert = JSON.parse(JSON.stringify(scene.alert)) as SosAlert
      assert.equal(alert.state, state, `at ${second} s`)
      assert.equal(sosDueAt(alert, policy), due === null ? null : due * 1_000, `due after ${second} s`)
      if (isOpen(alert)) checkSchema(SosEvent, sosOpenView(ORG, alert, null))
    }
  })
}

test('SOS incident: an escalation carries whom to tell and what to do', () => {
  const { alert } = take(null, TRIGGER, 0, POLICY)
  const [, second] = escalateDue(ORG, alert!, POLICY, 30_000).events
  assert.deepEqual([second?.notify, second?.note, second?.tier], [['alarm centre'], 'code 7', 2])
})

test('SOS incident: a late one is told with when it happened and when it came', () => {
  const [event] = take(null, { do: 'trigger', happened: 100 }, 1_000, POLICY).events
  assert.deepEqual(
    [event?.openedAt, event?.timestamp, event?.receivedAt, event?.late],
    [100_000, 100_000, 1_000_000, true],
  )
  const [prompt] = take(null, { do: 'trigger', happened: 990 }, 1_000, POLICY).events
  assert.deepEqual([prompt?.receivedAt, prompt?.late], [undefined, undefined])
})

test('SOS incident: an acknowledged alert is shown as acknowledged, though more people were told', () => {
  let { alert } = take(null, TRIGGER, 0, POLICY)
  for (const what of ['acknowledge', 'escalate'] as const) alert = take(alert, { do: what }, 5, POLICY).alert
  const view = sosOpenView(ORG, alert!, null)
  assert.deepEqual([view.event, view.by], ['acknowledged', 'ada'])
})

test('SOS incident: an alert of before this policy existed escalates from its opening', () => {
  const { alert } = take(null, TRIGGER, 0, POLICY)
  const { receivedAt: _, ...old } = alert!
  assert.equal(sosDueAt(old, POLICY), 10_000)
})

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('trigger' as const), id: fc.constantFrom('a', 'b', 'c', 'd') }),
  fc.record({
    do: fc.constant('trigger' as const),
    id: fc.constantFrom('d1', 'd2', 'd3'),
    drill: fc.constant(true as const),
  }),
  fc.record({ do: fc.constant('cancel' as const), id: fc.constantFrom('a', 'b', 'z') }),
  fc.constantFrom<Step>(
    { do: 'acknowledge' },
    { do: 'resolve' },
    { do: 'false-alarm' },
    { do: 'escalate' },
    CLOCK,
    CLOCK,
  ),
)
const anyPolicy: fc.Arbitrary<SosPolicy> = fc
  .record(
    {
      gaps: fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 3 }),
      repeatSeconds: fc.integer({ min: 5, max: 60 }),
      reopenAfterSeconds: fc.integer({ min: 1, max: 60 }),
    },
    { requiredKeys: ['gaps'] },
  )
  .map(({ gaps, ...rest }) => ({
    ...rest,
    tiers: gaps.map((_, i) => ({
      afterSeconds: gaps.slice(0, i + 1).reduce((a, b) => a + b),
      notify: [],
      outside: i === 1,
    })),
  }))

test('SOS incident: whatever comes in whatever order, each alert tells a legal story, each event once', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(anyStep, fc.integer({ min: 0, max: 40 })), { maxLength: 40 }),
      fc.array(anyPolicy, { minLength: 1, maxLength: 3 }),
      (steps, policies) => {
        let alert = null as SosAlert | null
        let second = 0
        const told = new Map<string, SosEvent[]>()
        /** As the store does: a repeated request is shown its own alert. */
        const byRequest = new Map<string, SosAlert>()
        for (const [i, [step, wait]] of steps.entries()) {
          second += wait
          const policy = policies[i % policies.length]!
          const isRequest = step.do === 'trigger' || step.do === 'cancel'
          const known: SosAlert | undefined = isRequest ? byRequest.get(step.id ?? 'a') : undefined
          const about: SosAlert | null = known !== undefined && known.alertId !== alert?.alertId ? known : alert
          if (!isRequest && step.do !== 'clock' && about === null) continue
          let scene: Scene
          try {
            scene = take(about, step, second, policy)
          } catch (error) {
            assert.equal((error as TrackwireError).code, 'alert_closed')
            continue
          }
          for (const event of scene.events) told.set(event.alertId, [...(told.get(event.alertId) ?? []), event])
          if (about !== alert) continue
          alert = JSON.parse(JSON.stringify(scene.alert)) as SosAlert | null
          if (alert !== null) for (const id of alert.requestIds) byRequest.set(id, alert)
        }
        for (const events of told.values()) assertLegal(events)
      },
    ),
    { numRuns: 500 },
  )
})

function assertLegal(events: readonly SosEvent[]): void {
  const story = events.map(short).join(', ')
  assert.equal(new Set(events.map(({ id }) => id)).size, events.length, `an id twice in ${story}`)
  assert.equal(events[0]?.event, 'triggered', story)
  assert.ok(
    events.slice(1).every(({ event }) => event !== 'triggered'),
    story,
  )
  assert.ok(
    events.slice(0, -1).every(({ event }) => event !== 'resolved' && event !== 'cancelled'),
    `something after the end: ${story}`,
  )
  let [round, tier, repeat, acknowledged] = [0, 0, 0, false]
  for (const event of events) {
    if ((event.round ?? 0) > round) {
      assert.ok(acknowledged && event.event === 'escalated' && event.round === round + 1, `taken up again: ${story}`)
      ;[round, tier, repeat, acknowledged] = [round + 1, 0, 0, false]
    } else if (event.event === 'escalated') {
      const order = event.tier! * 1_000 + (event.repeat ?? 0)
      assert.ok(order > tier * 1_000 + repeat, `tiers go up: ${story}`)
      ;[tier, repeat] = [event.tier!, event.repeat ?? 0]
    } else if (event.event === 'acknowledged') {
      assert.ok(!acknowledged, `acknowledged twice in a round: ${story}`)
      acknowledged = true
    }
  }
}
