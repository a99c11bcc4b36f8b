import { offsetMeters } from '../earth.ts'
import { createRandom, type Random } from '../random.ts'
import type { TimedPoint } from '../track.ts'
import { type BatteryPlan, createBattery, VEHICLE_BATTERY } from './battery.ts'
import { createGpsNoise } from './gps-noise.ts'
import type { Route } from './route.ts'
import { kmh, type Vehicle } from './vehicle.ts'

/** Where a vehicle may have to halt. */
export interface Halt {
  /** Metres from the start of the route. */
  readonly atMeters: number
  readonly kind: 'light' | 'stop'
  /** Shortest and longest stay. A `light` is red only sometimes; a `stop` (delivery, bus stop, depot) is always made. */
  readonly seconds: readonly [shortest: number, longest: number]
}

/** A stretch with a speed limit of its own. */
export interface SpeedZone {
  readonly fromMeters: number
  readonly toMeters: number
  /** Metres per second. */
  readonly limit: number
}

export interface DriveOptions {
  readonly route: Route
  readonly vehicle: Vehicle
  readonly seed: number | string
  /** Time of the first fix, milliseconds since the Unix epoch. */
  readonly startMs: number
  /** Seconds from fix to fix; default 1. */
  readonly intervalSeconds?: number
  /** Where on the route it begins; default 0. */
  readonly startAtMeters?: number
  /** Metres per second where no zone says otherwise; default 50 km/h. */
  readonly speedLimit?: number
  readonly zones?: readonly SpeedZone[]
  readonly halts?: readonly Halt[]
  /** Typical 68 % radius of the receiver's error; 0 turns noise off; default 4 m. */
  readonly noiseMeters?: number
  readonly battery?: BatteryPlan
  /** An open route: `once` to its end, or to and fro without end. Closed routes go round without end. */
  readonly atEnd?: 'finish' | 'turn-back'
}

/** Inner step of the motion: short enough that speed limits and halts are kept to a few centimetres. */
const STEP_SECONDS = 0.25
/** Turns milder than this do not slow a driver down. */
const MILD_TURN_DEGREES = 12
/** From here on a turn is a street corner; milder ones are bends of a road, which use all the room there is. */
const CORNER_DEGREES = 40
/** Street corners are rounded over about this length, which with the turn's angle gives a radius. */
const CORNER_METERS = 14
const SLOWEST_CORNER = kmh(6)

/** A speed not to be exceeded at one place ahead. */
interface Cap {
  readonly atMeters: number
  readonly speed: number
}

/**
 * Drives a route and yields a fix each interval: brakes before corners, limits and halts, waits at red lights, accelerates
 * as its kind of vehicle does. Pure: the same options give the same track. Endless unless `atEnd` is `finish` on an open route.
 */
export function* drive(options: DriveOptions): Generator<TimedPoint, void, undefined> {
  const { vehicle, startMs, intervalSeconds = 1, noiseMeters = 4 } = options
  const random = createRandom(options.seed)
  const noise = createGpsNoise(noiseMeters, random.fork('gps'))
  const meter = random.fork('speedometer')
  const battery = createBattery(options.battery ?? VEHICLE_BATTERY)
  const motion = createMotion(options, random.fork('driver'))

  for (let n = 0; ; n += 1) {
    // From the count, not by adding up: a thousand intervals of 0.1 s must not drift.
    const timestampMs = Math.round(startMs + n * intervalSeconds * 1_000)
    const elapsed = n === 0 ? 0 : intervalSeconds
    const state = motion.advance(elapsed)
    const { position, heading } = state
    const { eastMeters, northMeters, accuracy } = noise.next(elapsed)
    const [lng, lat] = offsetMeters(position, eastMeters, northMeters)
    const measured = noiseMeters === 0 || state.speed < 0.1 ? state.speed : state.speed + 0.15 * meter.normal()
    yield {
      timestampMs,
      lat: round(lat, 7),
      lng: round(lng, 7),
      speed: round(Math.max(0, measured), 2),
      heading: round(heading, 1) % 360,
      ...(position[2] === undefined ? {} : { altitude: round(position[2], 1) }),
      ...(noiseMeters === 0 ? {} : { accuracy: round(accuracy, 1) }),
      battery: battery.after(elapsed),
      activity: state.speed < 0.3 ? 'stationary' : vehicle.activity,
    }
    if (state.finished) return
  }
}

function round(value: number, digits: number): number {
  const scale = 10 ** digits
  return Math.round(value * scale) / scale
}

/** The vehicle without its receiver: where it truly is. */
function createMotion(options: DriveOptions, random: Random) {
  const { route, vehicle, speedLimit = kmh(50), zones = [], halts = [], atEnd = 'finish' } = options
  const caps = speedCaps(route, vehicle, zones)
  const lookAheadMeters = brakingMeters(vehicle.topSpeed, vehicle.braking) + 5
  /** Metres driven; grows lap by lap. */
  let along = options.startAtMeters ?? 0
  let speed = 0
  let waitSeconds = 0
  let finished = false
  /** What each halt ahead decided, by the metres driven at which it lies; forgotten once passed. */
  const decided = new Map<number, number>()

  const turnsBack = !route.closed && atEnd === 'turn-back'
  const endless = route.closed || turnsBack
  const spanMeters = turnsBack ? 2 * route.lengthMeters : route.lengthMeters
  const places = inOrder(turnsBack ? mirror(caps, route.lengthMeters) : caps)
  const stops = inOrder(turnsBack ? mirror(halts, route.lengthMeters) : halts)

  function limitAt(place: number): number {
    const onRoute = turnsBack && place > route.lengthMeters ? spanMeters - place : place
    const zone = zones.find(({ fromMeters, toMeters }) => onRoute >= fromMeters && onRoute < toMeters)
    return Math.min(vehicle.topSpeed, zone?.limit ?? speedLimit)
  }

  /** Calls back for every place of the list within the look-ahead, with its distance. */
  function ahead<T extends { readonly atMeters: number }>(
    list: readonly T[],
    visit: (item: T, distance: number, at: number) => void,
  ) {
    const lap = endless ? Math.floor(along / spanMeters) : 0
    for (const base of endless ? [lap * spanMeters, (lap + 1) * spanMeters] : [0]) {
      for (let i = firstBeyond(list, along - base); i < list.length; i += 1) {
        const item = list[i]!
        const distance = base + item.atMeters - along
        if (distance >= lookAheadMeters) break
        visit(item, distance, base + item.atMeters)
      }
    }
  }

  function step() {
    if (waitSeconds > 0) {
      waitSeconds -= STEP_SECONDS
      return
    }
    const place = endless ? along % spanMeters : along
    let allowed = limitAt(place)
    const restrict = (distance: number, target: number) => {
      allowed = Math.min(allowed, safeSpeed(distance, target, vehicle.braking))
    }
    let haltAt = Number.POSITIVE_INFINITY
    ahead(places, (cap, distance) => restrict(distance, cap.speed))
    ahead(stops, (halt, distance, at) => {
      let seconds = decided.get(at)
      if (seconds === undefined) {
        const red = halt.kind === 'stop' || random.next() < vehicle.redLightChance
        seconds = red ? random.between(halt.seconds[0], halt.seconds[1]) : 0
        decided.set(at, seconds)
      }
      if (seconds === 0) return
      restrict(distance, 0)
      haltAt = Math.min(haltAt, at)
    })
    if (!endless) {
      const left = route.lengthMeters - along
      restrict(left, 0)
      haltAt = Math.min(haltAt, route.lengthMeters)
    }
    const fastest = speed + vehicle.acceleration * STEP_SECONDS
    const slowest = Math.max(0, speed - vehicle.braking * STEP_SECONDS)
    const next = Math.max(slowest, Math.min(fastest, allowed))
    along = Math.min(along + ((speed + next) / 2) * STEP_SECONDS, haltAt)
    speed = next
    if (haltAt - along < 0.5 && speed < 1) arrive(haltAt)
  }

  function arrive(haltAt: number) {
    along = haltAt
    speed = 0
    finished = !endless && haltAt >= route.lengthMeters
    waitSeconds = decided.get(haltAt) ?? 0
    for (const at of decided.keys()) if (at <= along) decided.delete(at)
  }

  let owedSeconds = 0
  return {
    /** Moves on by `seconds`; the rest under one inner step is owed to the next call. */
    advance(seconds: number) {
      owedSeconds += seconds
      while (owedSeconds >= STEP_SECONDS - 1e-9 && !finished) {
        step()
        owedSeconds -= STEP_SECONDS
      }
      const place = endless ? along % spanMeters : along
      const back = turnsBack && place > route.lengthMeters
      const { position, heading } = route.locate(back ? spanMeters - place : place)
      return { position, heading: back ? (heading + 180) % 360 : heading, speed, finished }
    },
  }
}

/** The speed from which a driver, deciding once per step, can still brake to `target` within `distance` (after Krauß, 1998). */
function safeSpeed(distance: number, target: number, braking: number): number {
  const b = braking * STEP_SECONDS
  return Math.max(0, -b + Math.sqrt(b * b + target * target + 2 * braking * distance))
}

function brakingMeters(speed: number, braking: number): number {
  return (speed * speed) / (2 * braking)
}

/** Corner speeds, and the limits at the entry of each zone. */
function speedCaps(route: Route, vehicle: Vehicle, zones: readonly SpeedZone[]): Cap[] {
  // At both ends of a zone, because an open route may be driven back.
  const caps: Cap[] = zones.flatMap(({ fromMeters, toMeters, limit }) => [
    { atMeters: fromMeters, speed: limit },
    { atMeters: toMeters, speed: limit },
  ])
  for (const { atMeters, turn, roomMeters } of route.vertices) {
    if (turn < MILD_TURN_DEGREES) continue
    const angle = (turn * Math.PI) / 180
    const corner = CORNER_METERS / angle
    const radius = turn < CORNER_DEGREES ? Math.max(corner, roomMeters / Math.tan(angle / 2)) : corner
    caps.push({
      atMeters,
      speed: Math.max(Math.min(vehicle.topSpeed, SLOWEST_CORNER), Math.sqrt(vehicle.cornering * radius)),
    })
  }
  if (!route.closed) caps.push({ atMeters: route.lengthMeters, speed: Math.min(vehicle.topSpeed, SLOWEST_CORNER) })
  return caps
}

function inOrder<T extends { readonly atMeters: number }>(places: readonly T[]): T[] {
  return [...places].sort((a, b) => a.atMeters - b.atMeters)
}

/** Index of the first place beyond `meters` (binary search: recorded routes have thousands of vertices). */
function firstBeyond(places: readonly { readonly atMeters: number }[], meters: number): number {
  let low = 0
  let high = places.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (places[middle]!.atMeters <= meters) low = middle + 1
    else high = middle
  }
  return low
}

/** Places along an open route, as they come on the way there and on the way back. */
function mirror<T extends { readonly atMeters: number }>(places: readonly T[], lengthMeters: number): T[] {
  return [...places, ...places.map(place => ({ ...place, atMeters: 2 * lengthMeters - place.atMeters }))]
}
