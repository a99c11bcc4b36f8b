import fc from 'fast-check'
import type { FenceProperties } from '../../contract/index.ts'
import { FenceIndex, type Fix, readFence, type Surroundings, unchanging } from '../../geofence-engine/index.ts'

const device = { org: 'acme', deviceId: 'd', groups: [] }

/** Settings of all rules but the schedule, in any combination. */
export const settings: fc.Arbitrary<FenceProperties> = fc
  .record(
    {
      filter: fc.constantFrom('vehicle', 'person', 'none'),
      minFixes: fc.integer({ min: 1, max: 3 }),
      minSeconds: fc.constantFrom(0, 60, 600),
      marginMeters: fc.constantFrom(0, 50),
      useAccuracy: fc.constantFrom(true, false, 2),
      maxAccuracy: fc.constantFrom(10, 50),
      maxSpeed: fc.constantFrom(5, 50),
      cross: fc.boolean(),
      dwellSeconds: fc.constantFrom(0, 60, 900),
      maxStaySeconds: fc.constantFrom(30, 1_200),
      events: fc.subarray(['enter', 'exit', 'dwell'] as const),
    },
    { requiredKeys: [] },
  )
  .chain(properties =>
    properties.dwellSeconds === undefined
      ? fc.constant(properties as FenceProperties)
      : fc.option(fc.constantFrom(20, 300), { nil: undefined }).map(
          (repeatSeconds): FenceProperties => ({
            ...(properties as FenceProperties),
            ...(repeatSeconds === undefined ? {} : { repeatSeconds }),
          }),
        ),
  )

const schedule = fc.record(
  {
    days: fc.subarray([1, 2, 3, 4, 5, 6, 7], { minLength: 1 }),
    from: fc.constantFrom('00:00', '06:00', '22:00'),
    to: fc.constantFrom('06:00', '12:00', '02:00'),
    timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'Australia/Lord_Howe'),
  },
  { requiredKeys: ['from'] },
)
export const scheduled: fc.Arbitrary<FenceProperties> = fc
  .tuple(settings, schedule, fc.constantFrom(undefined, 'inside', 'outside'))
  .map(([properties, times, expect]) => ({
    ...properties,
    schedule: { ...times, ...(expect === undefined ? {} : { expect }) },
  }))

/** Hundreds of metres apart, so that fixes fall in, out and near the borders. */
const near = fc
  .tuple(fc.integer({ min: -10, max: 10 }), fc.integer({ min: -10, max: 10 }))
  .map(([x, y]) => [x / 1_000, y / 1_000])

export const fencesOf = (properties: fc.Arbitrary<FenceProperties>) =>
  fc
    .array(
      fc.oneof(
        fc.tuple(near, properties, fc.integer({ min: 30, max: 900 })).map(([coordinates, rest, radius]) => ({
          geometry: { type: 'Point', coordinates },
          properties: { ...rest, radius },
        })),
        fc.tuple(near, properties, fc.integer({ min: 1, max: 8 })).map(([[x, y], rest, size]) => {
          const [w, e, s, n] = [x! - size / 1_000, x! + size / 1_000, y! - size / 1_000, y! + size / 1_000]
          const ring = [
            [w, s],
            [e, s],
            [e, n],
            [w, n],
            [w, s],
          ]
          return { geometry: { type: 'Polygon', coordinates: [ring] }, properties: rest }
        }),
      ),
      { minLength: 1, maxLength: 5 },
    )
    .map(list => list.map((fence, i) => readFence({ type: 'Feature', id: `f${i}`, ...fence })))

/** From seconds to a day between fixes, often at the same place. */
export const track: fc.Arbitrary<Fix[]> = fc
  .array(
    fc.record({
      step: fc.oneof(fc.integer({ min: 1, max: 120 }), fc.integer({ min: 1, max: 5_000 }), fc.constant(80_000)),
      place: near,
      stays: fc.boolean(),
      accuracy: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
    }),
    { minLength: 2, maxLength: 40 },
  )
  .map(steps => {
    let time = 1_717_200_000
    let [lng, lat] = steps[0]!.place
    return steps.map(({ step, place, stays, accuracy }) => {
      time += step
      if (!stays) [lng, lat] = place
      const location = { lat: lat!, lng: lng!, ...(accuracy === undefined ? {} : { accuracy }) }
      return { timestamp: time * 1_000, location }
    })
  })

export function surroundingsOf(fences: readonly ReturnType<typeof readFence>[]): Surroundings {
  const index = new FenceIndex()
  for (const fence of fences) index.put(fence)
  return unchanging(device, index)
}
