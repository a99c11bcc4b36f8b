import type { Halt, SpeedZone } from '../drive/drive.ts'
import { createRoute, type Route } from '../drive/route.ts'
import { kmh } from '../drive/vehicle.ts'
import type { Position } from '../track.ts'
import { JUNCTIONS, type Junction, STREETS, type Street, type StreetName } from './porto-streets.ts'

/** Junction, street, junction, street, … junction: which way a vehicle goes. */
export type Itinerary = readonly [Junction, ...(readonly (StreetName | Junction)[])]

export interface PlannedRoute {
  readonly route: Route
  /** The polyline, closed. */
  readonly positions: readonly Position[]
  readonly zones: readonly SpeedZone[]
  /** Traffic lights where the itinerary changes streets. */
  readonly lights: readonly Halt[]
}

/** Red lights of a city keep one waiting this long. Seconds. */
const RED_SECONDS = [6, 28] as const

/**
 * Joins streets into one closed route with a speed zone per street and a light at each change of street.
 * @throws RangeError when a street does not lead from the one junction to the other: a fault of the itinerary
 */
export function planRoute(itinerary: Itinerary): PlannedRoute {
  const positions: Position[] = [JUNCTIONS[itinerary[0]]]
  const legs: { readonly limit: number; readonly firstVertex: number; readonly lastVertex: number }[] = []
  for (let i = 1; i + 1 < itinerary.length; i += 2) {
    const street: Street = STREETS[itinerary[i] as StreetName]
    const leg = follow(street, itinerary[i - 1] as Junction, itinerary[i + 1] as Junction, itinerary[i]!)
    const firstVertex = positions.length - 1
    positions.push(...leg.slice(1))
    legs.push({ limit: kmh(street.limit), firstVertex, lastVertex: positions.length - 1 })
  }
  const route = createRoute(positions, true)
  const at = (vertex: number) => route.vertices[vertex]!.atMeters
  const zones = legs.map(({ limit, firstVertex, lastVertex }) => ({
    fromMeters: at(firstVertex),
    toMeters: at(lastVertex),
    limit,
  }))
  const lights = legs
    .slice(1)
    // A ring road has ramps, not lights.
    .filter(({ limit }, i) => limit < kmh(65) && legs[i]!.limit < kmh(65))
    .map(
      ({ firstVertex }): Halt => ({ atMeters: Math.max(0, at(firstVertex) - 8), kind: 'light', seconds: RED_SECONDS }),
    )
  return { route, positions, zones, lights }
}

/** The part of a street between two of its junctions, in the direction of travel. */
function follow(street: Street, from: Junction, to: Junction, name: string): Position[] {
  const { line } = street
  const start = line.indexOf(from)
  const end = street.oneWay ? line.indexOf(to, start + 1) : line.indexOf(to)
  if (start === -1 || end === -1) throw new RangeError(`street ${name} does not lead from ${from} to ${to}`)
  const part = start <= end ? line.slice(start, end + 1) : line.slice(end, start + 1).reverse()
  return part.map(point => (typeof point === 'string' ? JUNCTIONS[point] : point))
}

/** Stops spread evenly over a route, as a bus line has them. */
export function stopsEvery(route: Route, meters: number, seconds: Halt['seconds']): Halt[] {
  const count = Math.floor(route.lengthMeters / meters)
  return Array.from({ length: count }, (_, i) => ({ atMeters: (i + 0.5) * meters, kind: 'stop', seconds }))
}
