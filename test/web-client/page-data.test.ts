import assert from 'node:assert/strict'
import { test } from 'node:test'
import client, { Registry } from 'prom-client'
import type { SosEvent } from '../../contract/index.ts'
import { curveOf, MEASURES } from '../../web-client/dashboard/src/pages/health/measures.ts'
import { meanBetween, rateBetween, readMetrics, sumOf } from '../../web-client/dashboard/src/pages/health/prometheus.ts'
import { sosEventText } from '../../web-client/dashboard/src/pages/sos/sos-text.ts'
import { type StoredTrail, wayOf } from '../../web-client/dashboard/src/pages/sos/sos-trail.ts'

test('what the platform’s own registry writes is read, labels with quotes and lines included', async () => {
  const registers = [new Registry()]
  const counter = new client.Counter({ name: 'c_total', help: 'x', labelNames: ['why'], registers })
  counter.inc({ why: 'a "quoted"\nline\\' }, 2)
  counter.inc({ why: 'b' }, 3)
  new client.Gauge({ name: 'g', help: 'x', registers }).set(-1.5e-7)
  const histogram = new client.Histogram({ name: 'h', help: 'x', buckets: [1], registers })
  const before = readMetrics(await registers[0]!.metrics())
  assert.deepEqual(
    before.filter(({ name }) => name === 'c_total').map(({ labels, value }) => [labels.why, value]),
    [
      ['a "quoted"\nline\\', 2],
      ['b', 3],
    ],
  )
  assert.equal(sumOf(before, 'c_total'), 5)
  assert.equal(sumOf(before, 'g'), -1.5e-7)
  assert.equal(sumOf(before, 'none'), null)

  counter.inc({ why: 'b' }, 10)
  histogram.observe(0.2)
  histogram.observe(0.4)
  const after = readMetrics(await registers[0]!.metrics())
  assert.equal(rateBetween(before, after, 'c_total', 5), 2)
  assert.ok(Math.abs(meanBetween(before, after, 'h')! - 0.3) < 1e-9)
  assert.equal(meanBetween(after, after, 'h'), null, 'nothing was counted')
  assert.equal(rateBetween(after, before, 'c_total', 5), 1, 'after a restart a counter begins anew')
})

test('a measure is a curve with gaps', () => {
  const reading = (atMs: number, text: string) => ({ atMs, samples: readMetrics(text) })
  const connections = MEASURES.find(({ title }) => title === 'MQTT connections')!
  const readings = [reading(0, ''), reading(5_000, 'trackwire_mqtt_connections 7'), reading(10_000, '')]
  assert.deepEqual(curveOf(connections, readings), [7, null])
})

test('the way of an SOS goes on live, and ends with the alert', () => {
  const stored = (closedAt: number | null): StoredTrail => ({
    geometry: {
      type: 'LineString',
      coordinates: [
        [1, 1],
        [2, 2],
      ],
    },
    properties: { alertId: 'a', times: [10, 20], closedAt },
  })
  const live = [
    { position: [2, 2] as const, timestamp: 20 },
    { position: [3, 3] as const, timestamp: 30 },
  ]
  assert.deepEqual(wayOf(stored(null), live).at(-1), [3, 3])
  assert.equal(wayOf(stored(null), live).length, 3, 'what is stored is not drawn twice')
  assert.equal(wayOf(stored(25), live).length, 2)
  assert.deepEqual(
    wayOf(
      { geometry: { type: 'Point', coordinates: [5, 5] }, properties: { alertId: 'a', times: [1], closedAt: 2 } },
      [],
    ),
    [[5, 5]],
  )
  assert.deepEqual(wayOf({ geometry: null, properties: { alertId: 'a', times: [], closedAt: null } }, live).length, 2)
})

test('the timeline speaks of people and tiers', () => {
  const said = (event: Partial<SosEvent>): string =>
    sosEventText({ id: 'e', alertId: 'a', deviceId: 'd', timestamp: 1, openedAt: 1, event: 'triggered', ...event })
  assert.equal(said({ event: 'acknowledged', by: 'ana' }), 'Acknowledged by ana')
  assert.equal(said({ event: 'escalated', tier: 2, notify: ['admin', 'ada'] }), 'Escalated to tier 2: admin, ada')
  assert.equal(said({ event: 'escalated', tier: 2, repeat: 3 }), 'Escalated to tier 2, again (3)')
  assert.equal(said({ event: 'escalated', tier: 0, repeat: 1 }), 'Told once more, again (1)')
  assert.equal(said({ event: 'escalated', tier: 0, round: 1 }), 'Not closed in time: waits for somebody again')
  assert.equal(said({ event: 'resolved', by: 'ana', outcome: 'false-alarm' }), 'False alarm, closed by ana')
})
