import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeviceStatus, GeofenceEvent, SosEvent } from '../../contract/index.ts'
import { createSimClock, type DevicePlan, startFleet, type TrackPoint } from '../../firmware-sim/index.ts'
import { startTestPlatform } from '../support/platform.ts'
import { Ear } from '../support/wire.ts'

const ADMIN = { role: 'admin', sub: 'admin' } as const
const IMEIS = { gt06: '864717003283581', teltonika: '356307042441013' } as const
const YARD = {
  type: 'Feature',
  id: 'yard',
  properties: { name: 'Yard', radius: 300 },
  geometry: { type: 'Point', coordinates: [-8.61, 41.15] },
}
const SECONDS = 60

/** A minute from 1.2 km west straight through the yard. */
function* throughTheYard(startMs: number): Generator<TrackPoint> {
  for (let second = 0; second <= SECONDS; second++) {
    const lng = -8.625 + second * 0.0005
    yield { timestampMs: startMs + second * 1_000, lat: 41.15, lng, speed: 40, heading: 90, battery: 80 }
  }
}

for (const protocol of ['gt06', 'teltonika'] as const) {
  test(`the simulator by ${protocol}: through dead zones into a fence, the alert and the SOS over MQTT`, async t => {
    const platform = await startTestPlatform(t, { environment: { TRACKWIRE_TRACKERS: `${protocol}:0` } })
    const port = new RegExp(`${protocol}://127\\.0\\.0\\.1:(\\d+)`).exec(platform.output())?.[1]
    const imei = IMEIS[protocol]
    const registered = await platform.request('/api/v1/devices', { ...ADMIN, method: 'POST', body: { id: imei } })
    assert.equal(registered.status, 201)
    assert.equal((await platform.request('/api/v1/fences', { ...ADMIN, method: 'POST', body: YARD })).status, 201)
    const desk = await platform.connect({ role: 'dispatcher', sub: 'desk' })
    const ear = new Ear(desk)
    await desk.subscribeAsync(['demo/notifications/#', `demo/devices/${imei}/status`], { qos: 1 })

    const plan: DevicePlan = {
      deviceId: imei,
      token: '',
      track: throughTheYard,
      intervalSeconds: 1,
      link: { firstCutAfterSeconds: 15, cutForSeconds: 10, everySeconds: 25 },
      sos: { afterSeconds: 35 },
    }
    const fleet = await startFleet({
      url: `tcp://127.0.0.1:${port}`,
      protocol,
      org: 'demo',
      devices: [plan],
      clock: createSimClock({ speed: 15, startMs: Date.now() - (SECONDS + 5) * 1_000 }),
      backOff: { firstMs: 50, maxMs: 200 },
    })
    t.after(() => fleet.close(0))

    const { payload: entered } = await ear.hear<GeofenceEvent>(
      'the enter',
      ({ topic }) => topic === `demo/notifications/geofence/enter/${imei}`,
    )
    assert.equal(entered.fenceId, 'yard')
    const { payload: sos } = await ear.hear<SosEvent>(
      'the SOS',
      ({ topic }) => topic === `demo/notifications/sos/triggered/${imei}`,
    )
    assert.ok(Math.abs(sos.location!.lat - 41.15) < 1e-5)
    await ear.hear('the exit', ({ topic }) => topic === `demo/notifications/geofence/exit/${imei}`)
    await ear.hear<DeviceStatus>(
      'its connection',
      ({ topic, payload }) => topic.endsWith('/status') && (payload as DeviceStatus).connection === `${protocol}/tcp`,
    )

    await fleet.finished
    const { taken, acknowledged, resent, reconnects, dropped } = fleet.counters()
    assert.deepEqual([taken, acknowledged, dropped], [SECONDS + 1, SECONDS + 1, 0])
    assert.ok(resent > 0 && reconnects > 0, `${resent} sent again, ${reconnects} reconnects`)
    const history = await platform.request(`/api/v1/devices/${imei}/history?limit=1000`, ADMIN)
    const { items } = (await history.json()) as { items: { timestamp: number; location: { lng: number } }[] }
    // The SOS brings a position of its own, unless a fix has its second.
    assert.ok(items.length === taken || items.length === taken + 1, `${items.length} of ${taken} fixes are stored`)
    assert.ok(Math.abs(items.at(-1)!.location.lng - -8.595) < 1e-5)
    await fleet.close()
  })
}
