import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checkSchema, FenceFeature, isId } from '../../contract/index.ts'
import { demoCity, demoFleet, kmh, type Position } from '../../firmware-sim/index.ts'

const METERS_PER_DEGREE = 111_195
const START_MS = 1_700_000_000_000
const city = demoCity()

/** Metres on a flat earth around Porto, good to a metre over the city. */
function flat([lng, lat]: Position): [number, number] {
  return [lng * METERS_PER_DEGREE * Math.cos((41.16 * Math.PI) / 180), lat * METERS_PER_DEGREE]
}

function metersToSegment(p: Position, a: Position, b: Position): number {
  const [[px, py], [ax, ay], [bx, by]] = [flat(p), flat(a), flat(b)]
  const [dx, dy] = [bx - ax, by - ay]
  const length2 = dx * dx + dy * dy
  const share = length2 === 0 ? 0 : Math.max(0, Math.min(1, ((px - ax) * dx + (py - ay) * dy) / length2))
  return Math.hypot(px - ax - share * dx, py - ay - share * dy)
}

function insideRings([lng, lat]: Position, rings: readonly (readonly number[][])[]): boolean {
  let inside = false
  for (const ring of rings) {
    for (let i = 1; i < ring.length; i += 1) {
      const [[x1, y1], [x2, y2]] = [ring[i - 1] as [number, number], ring[i] as [number, number]]
      if (y1 > lat !== y2 > lat && lng < ((x2 - x1) * (lat - y1)) / (y2 - y1) + x1) inside = !inside
    }
  }
  return inside
}

function covers({ geometry, properties }: FenceFeature, position: Position): boolean {
  if (geometry.type === 'Point') {
    const centre = geometry.coordinates as unknown as Position
    return metersToSegment(position, centre, centre) <= properties.radius!
  }
  if (geometry.type === 'LineString') {
    const line = geometry.coordinates as unknown as Position[]
    return line.some((_, i) => i > 0 && metersToSegment(position, line[i - 1]!, line[i]!) <= properties.buffer!)
  }
  assert.equal(geometry.type, 'Polygon')
  return insideRings(position, geometry.coordinates as number[][][])
}

/** Every change of side of every vehicle within so many simulated seconds. */
function crossings(seconds: number) {
  const found: { readonly deviceId: string; readonly second: number }[] = []
  for (const { deviceId, track } of city.vehicles) {
    const inside = new Set<string>()
    for (const { timestampMs, lat, lng } of track(START_MS, 1)) {
      const second = (timestampMs - START_MS) / 1_000
      if (second > seconds) break
      for (const fence of city.fences) {
        const now = covers(fence, [lng, lat])
        if (now === inside.has(fence.id)) continue
        if (now) inside.add(fence.id)
        else inside.delete(fence.id)
        found.push({ deviceId, second })
      }
    }
  }
  return found
}

describe('the fences of the demo', () => {
  for (const fence of city.fences) {
    test(`${fence.id} fits the contract and is a closed shape`, () => {
      checkSchema(FenceFeature, fence)
      assert.ok(fence.properties.name)
      assert.ok(fence.properties.tags!.length > 0)
      if (fence.geometry.type === 'Point') assert.ok(fence.properties.radius! > 0)
      if (fence.geometry.type === 'LineString') assert.ok(fence.properties.buffer! > 0)
      if (fence.geometry.type !== 'Polygon') return
      for (const ring of fence.geometry.coordinates as number[][][]) {
        assert.ok(ring.length >= 4)
        assert.deepEqual(ring[0], ring.at(-1))
      }
    })
  }

  test('are of every kind: polygon, polygon with a hole, circle, corridor', () => {
    const kinds = city.fences.map(({ geometry }) =>
      geometry.type === 'Polygon' && geometry.coordinates.length > 1 ? 'hole' : geometry.type,
    )
    for (const kind of ['Polygon', 'hole', 'Point', 'LineString']) assert.ok(kinds.includes(kind as 'Point'), kind)
  })

  test('have ids of their own', () => {
    assert.equal(new Set(city.fences.map(({ id }) => id)).size, city.fences.length)
  })
})

describe('the fleet of the demo', () => {
  test('has ids that are valid and of their own', () => {
    const ids = city.vehicles.map(({ deviceId }) => deviceId)
    assert.ok(ids.length >= 12 && ids.every(isId))
    assert.equal(new Set(ids).size, ids.length)
  })

  for (const { deviceId, route, track } of city.vehicles) {
    test(`${deviceId} drives a closed route without jumps, within the speeds of its streets`, () => {
      assert.deepEqual(route[0], route.at(-1))
      for (const [i, position] of route.entries()) {
        if (i > 0) assert.ok(metersToSegment(position, route[i - 1]!, route[i - 1]!) < 900, `segment ${i}`)
      }
      for (const { timestampMs, speed } of track(START_MS, 1)) {
        if (timestampMs > START_MS + 900_000) break
        assert.ok(speed! < kmh(90), `${speed} m/s`)
      }
    })
  }

  test('each member crosses a fence within ten minutes', () => {
    const active = new Set(crossings(600).map(({ deviceId }) => deviceId))
    assert.deepEqual(
      city.vehicles.map(({ deviceId }) => deviceId).filter(deviceId => !active.has(deviceId)),
      [],
    )
  })

  test('gives the first alert within seconds and then a few every minute', () => {
    const found = crossings(1_200)
    assert.ok(found.some(({ second }) => second <= 5))
    for (let minute = 0; minute < 20; minute += 1) {
      const alerts = found.filter(({ second }) => second >= minute * 60 && second < minute * 60 + 60).length
      assert.ok(alerts >= 1 && alerts <= 25, `${alerts} alerts in minute ${minute}`)
    }
  })

  test('presses SOS in the first minute, loses a link now and then, and has one weak battery', () => {
    const plans = demoFleet({ tokenFor: () => 'token', seed: 1 })
    const sos = plans.filter(plan => plan.sos !== undefined)
    assert.ok(sos.length === 1 && sos[0]!.sos!.afterSeconds <= 60 && sos[0]!.sos!.cancelAfterSeconds! > 120)
    assert.ok(plans.some(({ link }) => link !== undefined && link.everySeconds! > link.cutForSeconds))
    const batteries = city.vehicles.map(({ track }) => track(START_MS, 1).next().value!.battery!)
    assert.equal(batteries.filter(percent => percent < 20).length, 1)
  })
})
