import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkSchema, isId, SosEvent, type SosRequest, type TrackwireError } from '../../contract/index.ts'
import {
  answerSos,
  applySosRequest,
  type Fix,
  type SosAlert,
  sosAlertId,
  sosOpenView,
} from '../../geofence-engine/index.ts'

const device = { org: 'acme', deviceId: 'phone-1' }
const newest: Fix = { timestamp: 1_000, location: { lat: 41, lng: -8 } }
const elsewhere = { lat: 42, lng: -9 }
const trigger = (id: string, timestamp: number, more: Partial<SosRequest> = {}): SosRequest => ({
  action: 'trigger',
  id,
  timestamp,
  ...more,
})
const cancel = (id: string, timestamp: number): SosRequest => ({ action: 'cancel', id, timestamp })

type Step = { request: SosRequest } | { answer: 'acknowledge' | 'resolve'; timestamp: number; note?: string }

/** Each step with the events it causes and the state the alert is then in. */
const stories: { name: string; steps: [Step, string[], SosAlert['state'] | null][] }[] = [
  {
    name: 'triggered, acknowledged, resolved',
    steps: [
      [{ request: trigger('a', 10) }, ['triggered 10'], 'open'],
      [{ answer: 'acknowledge', timestamp: 20 }, ['acknowledged 20'], 'acknowledged'],
      [{ answer: 'resolve', timestamp: 30 }, ['resolved 30'], 'resolved'],
    ],
  },
  {
    name: 'resolved without having been acknowledged',
    steps: [
      [{ request: trigger('a', 10) }, ['triggered 10'], 'open'],
      [{ answer: 'resolve', timestamp: 30 }, ['resolved 30'], 'resolved'],
    ],
  },
  {
    name: 'a repeated trigger is one alert, also after it was acknowledged',
    steps: [
      [{ request: trigger('a', 10) }, ['triggered 10'], 'open'],
      [{ request: trigger('a', 10) }, [], 'open'],
      [{ answer: 'acknowledge', timestamp: 20 }, ['acknowledged 20'], 'acknowledged'],
      [{ request: trigger('a', 10) }, [], 'acknowledged'],
    ],
  },
  {
    name: 'a repeated trigger does not open its closed alert again',
    steps: [
      [{ request: trigger('a', 10) }, ['triggered 10'], 'open'],
      [{ answer: 'resolve', timestamp: 20 }, ['resolved 20'], 'resolved'],
      [{ request: trigger('a', 10) }, [], 'resolved'],
      [{ request: cancel('a', 30) }, [], 'resolved'],
    ],
  },
  {
    name: 'another trigger joins the open alert',
    steps: [
      [{ request: trigger('a', 10) }, ['triggered 10'], 'open'],
      [{ request: trigger('b', 15) }, [], 'open'],
      [{ request: cancel('b', 20) }, ['cancelled 20'], 'cancelled'],
    ],
  },
  {
    name: 'a new trigger after a closed alert opens a new one',
    steps: [
      [{ request: trigger('a', 10) }, ['triggered 10'], 'open'],
      [{ request: cancel('a', 20) }, ['cancelled 20'], 'cancelled'],
      [{ request: trigger('b', 30) }, ['triggered 30'], 'open'],
    ],
  },
  {
    name: 'acknowledged twice is told once',
    steps: [
      [{ request: trigger('a', 10) }, ['triggered 10'], 'open'],
      [{ answer: 'acknowledge', timestamp: 20 }, ['acknowledged 20'], 'acknowledged'],
      [{ answer: 'acknowledge', timestamp: 25 }, [], 'acknowledged'],
      [{ request: cancel('a', 40) }, ['cancelled 40'], 'cancelled'],
    ],
  },
  {
    name: 'a cancel with an id of its own closes the alert, one sent before the alert began does not',
    steps: [
      [{ request: trigger('a', 10) }, ['triggered 10'], 'open'],
      [{ request: cancel('old', 9) }, [], 'open'],
      [{ request: cancel('c', 11) }, ['cancelled 11'], 'cancelled'],
    ],
  },
  { name: 'a cancel without an alert is nothing', steps: [[{ request: cancel('a', 10) }, [], null]] },
]

for (const { name, steps } of stories) {
  test(`SOS: ${name}`, () => {
    let alert: SosAlert | null = null
    const ids = new Set<string>()
    for (const [step, told, state] of steps) {
      const before: SosAlert | null = structuredClone(alert)
      const result: { alert: SosAlert | null; events: SosEvent[] } =
        'request' in step
          ? applySosRequest(device, alert, step.request, newest)
          : answerSos('acme', alert!, { action: step.answer, by: 'ada', timestamp: step.timestamp })
      assert.deepEqual(alert, before, 'the alert given is not changed')
      assert.deepEqual(
        result.events.map(({ event, timestamp }) => `${event} ${timestamp}`),
        told,
      )
      for (const event of result.events) {
        checkSchema(SosEvent, event)
        assert.match(event.id, /^se-[0-9a-f]{32}$/)
        assert.ok(!ids.has(event.id), 'every event has an id of its own')
        ids.add(event.id)
      }
      alert = JSON.parse(JSON.stringify(result.alert))
      assert.equal(alert?.state ?? null, state)
    }
  })
}

test('SOS: the alert has the trigger id in its own, which fits a topic', () => {
  const id = sosAlertId('acme', 'phone-1', 'a')
  assert.match(id, /^sos-[0-9a-f]{24}$/)
  assert.ok(isId(id))
  assert.equal(applySosRequest(device, null, trigger('a', 10), null).alert?.alertId, id)
  assert.notEqual(sosAlertId('acme', 'phone-2', 'a'), id)
  assert.notEqual(sosAlertId('acm', 'ephone-1', 'a'), sosAlertId('acme', 'phone-1', 'a'))
})

const places: { name: string; request: SosRequest; newest: Fix | null; location: object | undefined }[] = [
  {
    name: 'the newest fix, when the request has none',
    request: trigger('a', 2_000),
    newest,
    location: newest.location,
  },
  {
    name: "the request's, when it is newer",
    request: trigger('a', 2_000, { location: elsewhere }),
    newest,
    location: elsewhere,
  },
  {
    name: "the request's, when it is as old",
    request: trigger('a', 1_000, { location: elsewhere }),
    newest,
    location: elsewhere,
  },
  {
    name: 'the newest fix, when the request is older',
    request: trigger('a', 999, { location: elsewhere }),
    newest,
    location: newest.location,
  },
  {
    name: "the request's, when there is no fix",
    request: trigger('a', 5, { location: elsewhere }),
    newest: null,
    location: elsewhere,
  },
  { name: 'nowhere, when nothing is known', request: trigger('a', 5), newest: null, location: undefined },
]
for (const row of places) {
  test(`SOS location: ${row.name}`, () => {
    const { alert, events } = applySosRequest(device, null, row.request, row.newest)
    assert.deepEqual([alert!.location, events[0]!.location], [row.location, row.location])
    assert.equal(events[0]!.openedAt, row.request.timestamp)
  })
}

test('SOS: a closed alert cannot be answered', () => {
  const { alert } = applySosRequest(device, null, trigger('a', 10), null)
  const closed = answerSos('acme', alert!, { action: 'resolve', by: 'ada', timestamp: 20, note: 'false alarm' }).alert
  for (const action of ['acknowledge', 'resolve'] as const) {
    assert.throws(
      () => answerSos('acme', closed, { action, by: 'bo', timestamp: 30 }),
      (error: TrackwireError) => error.code === 'alert_closed' && /already resolved/.test(error.message),
    )
  }
})

test('SOS: answers say who and what, and the alert keeps it', () => {
  const { alert: open } = applySosRequest(device, null, trigger('a', 10, { message: 'help' }), newest)
  const { alert, events } = answerSos('acme', open!, {
    action: 'acknowledge',
    by: 'ada',
    note: 'on my way',
    timestamp: 20,
  })
  assert.deepEqual(
    { ...events[0], id: '' },
    {
      id: '',
      alertId: open!.alertId,
      event: 'acknowledged',
      deviceId: 'phone-1',
      timestamp: 20,
      openedAt: 10,
      location: newest.location,
      message: 'help',
      by: 'ada',
      note: 'on my way',
    },
  )
  assert.deepEqual([alert.acknowledgedBy, alert.acknowledgedAt, alert.note], ['ada', 20, 'on my way'])
})

test('SOS: the open view is the latest transition at the newest position', () => {
  const { alert } = applySosRequest(device, null, trigger('a', 1_500, { location: elsewhere }), newest)
  assert.deepEqual(sosOpenView('acme', alert!, newest).location, elsewhere, 'an older fix does not move it')
  const moved = { timestamp: 1_600, location: { lat: 43, lng: -7 } }
  const acknowledged = answerSos('acme', alert!, { action: 'acknowledge', by: 'ada', timestamp: 1_700 }).alert
  const view = sosOpenView('acme', acknowledged, moved)
  checkSchema(SosEvent, view)
  assert.deepEqual([view.event, view.timestamp, view.by, view.location], ['acknowledged', 1_700, 'ada', moved.location])
  assert.equal(sosOpenView('acme', alert!, null).event, 'triggered')
})
