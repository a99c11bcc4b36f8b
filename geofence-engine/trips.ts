import type { Location } from '../contract/index.ts'
import { beginStay, continueStay, isAway, metersFrom, type Stay } from './device-rules/stay.ts'
import type { Fix } from './device-state.ts'
import { haversineMeters } from './geometry/geodesy.ts'

export interface TripSettings {
  /** A stop of this length ends a trip. */
  readonly minStopSeconds: number
  /** What stays this near, but for its accuracy, stands. */
  readonly stopRadiusMeters: number
  /** A silence of this length ends a trip where it was last heard. */
  readonly gapSeconds: number
}

export const DEFAULT_TRIP_SETTINGS: TripSettings = { minStopSeconds: 300, stopRadiusMeters: 100, gapSeconds: 1_800 }

export interface TripEnd {
  /** Milliseconds. */
  readonly timestamp: number
  readonly location: Location
}

/** From the last fix where it stood to the first where it stood again. */
export interface Trip {
  readonly start: TripEnd
  readonly end: TripEnd
  /** Along the fixes. */
  readonly distanceMeters: number
  /** Metres per second. */
  readonly maxSpeed: number
  /** Over the whole trip, short stops too. */
  readonly averageSpeed: number
  readonly fixes: number
  /** No stop has ended it: it is the last one and may go on. */
  readonly ongoing: boolean
}

/** A fix away from where it stood may err; so many in a row do not. */
const CONFIRMING_FIXES = 3
/** A trip leads at least so many radii away, or farther when it ends where it began: what swings about one place is an error. */
const LEAST_RADII = 2.5
const LEAST_RADII_OF_RETURN = 5
/** Faster is no vehicle but an error of position, unless it stays there. */
const MAX_SPEED = 300

interface Standing {
  stay: Stay
  /** The newest fix there. */
  last: Fix
  /** Those since, that are away. */
  away: Fix[]
}

interface Ride {
  /** Where it stood. */
  readonly from: Stay
  readonly fixes: Fix[]
  /** Where it may have come to stand, and since which of the fixes. */
  stay: Stay
  stayIndex: number
  /** Fixes in a row that are away from there. */
  away: number
}

/**
 * Finds the trips of one device in its fixes, which come ascending by time. Holds one stay or one trip at a time. Drift of a parked
 * receiver is no trip: it takes fixes in a row that are farther from the mean of its places than the radius and their accuracy,
 * and a way that leads well out of it.
 */
export class TripFinder {
  readonly #settings: TripSettings
  #standing: Standing | null = null
  #ride: Ride | null = null
  #newest: Fix | null = null
  #doubted = 0

  constructor(settings: TripSettings = DEFAULT_TRIP_SETTINGS) {
    this.#settings = settings
  }

  /** Whether it stands: reading may be taken up here by a new finder. */
  get isStanding(): boolean {
    return this.#ride === null
  }

  /** The trip that this fix shows to be over. */
  push(fix: Fix): Trip | null {
    const newest = this.#newest
    if (newest !== null && this.#isJump(newest, fix)) return null
    this.#newest = fix
    if (newest === null || fix.timestamp - newest.timestamp < this.#settings.gapSeconds * 1_000) return this.#take(fix)
    return this.#takeBehindGap(fix)
  }

  /** The trip that is still going on when the fixes end. */
  end(): Trip | null {
    const ride = this.#ride
    if (ride === null) return null
    const { stay } = ride
    // It may be standing already, though not for long enough to be sure.
    const hasStopped = ride.fixes.at(-1)!.timestamp - stay.since >= this.#settings.minStopSeconds * 1_000
    return this.#tripOf(ride, ride.fixes.length - 1, !hasStopped)
  }

  /** An impossible way is not taken, until the third fix in a row insists on it. */
  #isJump(from: Fix, to: Fix): boolean {
    const meters = metersFrom(from.location, to) - (from.location.accuracy ?? 0) - (to.location.accuracy ?? 0)
    const isJump = meters * 1_000 > MAX_SPEED * Math.max(1_000, to.timestamp - from.timestamp)
    this.#doubted = isJump ? this.#doubted + 1 : 0
    if (this.#doubted < CONFIRMING_FIXES) return isJump
    this.#doubted = 0
    return false
  }

  #take(fix: Fix): Trip | null {
    if (this.#ride !== null) return this.#whileRiding(this.#ride, fix)
    this.#whileStanding(fix)
    return null
  }

  #takeBehindGap(fix: Fix): Trip | null {
    const ride = this.#ride
    if (ride === null) {
      // Moved unseen, or drifted: what matters is where it is now.
      if (this.#standing !== null && isAway(this.#standing.stay.mean, fix, this.#settings.stopRadiusMeters)) {
        this.#standing = null
      }
      this.#whileStanding(fix)
      return null
    }
    this.#ride = null
    this.#standing = null
    const hasStopped = !isAway(ride.stay.mean, fix, this.#settings.stopRadiusMeters)
    const trip = this.#tripOf(ride, hasStopped ? ride.stayIndex : ride.fixes.length - 1, false)
    this.#whileStanding(fix)
    return trip
  }

  #whileStanding(fix: Fix): void {
    const { stopRadiusMeters, minStopSeconds } = this.#settings
    const standing = this.#standing
    if (standing === null) {
      this.#standing = { stay: beginStay(fix), last: fix, away: [] }
      return
    }
    if (!isAway(standing.stay.mean, fix, stopRadiusMeters)) {
      standing.stay = continueStay(standing.stay, fix, minStopSeconds, stopRadiusMeters)
      standing.last = fix
      standing.away = []
      return
    }
    standing.away.push(fix)
    if (standing.away.length < CONFIRMING_FIXES) return
    this.#standing = null
    this.#ride = this.#beginRide(standing)
  }

  #beginRide({ stay, last, away }: Standing): Ride {
    const [first] = away
    // Trackers that seldom speak while they stand: the ride did not take all that silence.
    const isNear = first!.timestamp - last.timestamp < this.#settings.minStopSeconds * 1_000
    const fixes = isNear ? [last, ...away] : [...away]
    const ride = { from: stay, fixes: [fixes[0]!], stay: beginStay(fixes[0]!), stayIndex: 0, away: 0 }
    for (const fix of fixes.slice(1)) this.#follow(ride, fix)
    return ride
  }

  #whileRiding(ride: Ride, fix: Fix): Trip | null {
    this.#follow(ride, fix)
    const { minStopSeconds } = this.#settings
    if (ride.away > 0 || fix.timestamp - ride.stay.since < minStopSeconds * 1_000) return null
    this.#ride = null
    this.#standing = { stay: ride.stay, last: fix, away: [] }
    return this.#tripOf(ride, ride.stayIndex, false)
  }

  /** Adds a fix to the ride and to the stay that may end it; one that is away alone does not break the stay. */
  #follow(ride: Ride, fix: Fix): void {
    const { stopRadiusMeters, minStopSeconds } = this.#settings
    ride.fixes.push(fix)
    if (!isAway(ride.stay.mean, fix, stopRadiusMeters)) {
      ride.stay = continueStay(ride.stay, fix, minStopSeconds, stopRadiusMeters)
      ride.away = 0
      return
    }
    ride.away += 1
    if (ride.away < 2) return
    // Begun anew with the first of those that are away, where the others are near it.
    const index = ride.fixes.length - ride.away
    const before = ride.fixes[index]!
    const isNear = !isAway(before.location, fix, stopRadiusMeters)
    ride.stayIndex = isNear ? index : ride.fixes.length - 1
    ride.stay = isNear ? continueStay(beginStay(before), fix, minStopSeconds, stopRadiusMeters) : beginStay(fix)
    ride.away = 0
  }

  #tripOf(ride: Ride, endIndex: number, ongoing: boolean): Trip | null {
    const fixes = ride.fixes.slice(0, endIndex + 1)
    const [start] = fixes
    const end = fixes.at(-1)
    if (start === undefined || end === undefined || end.timestamp <= start.timestamp) return null
    if (!this.#leadsAway(ride, fixes, end)) return null
    const distanceMeters = legsOf(fixes).reduce((sum, { meters }) => sum + meters, 0)
    return {
      start: { timestamp: start.timestamp, location: start.location },
      end: { timestamp: end.timestamp, location: end.location },
      distanceMeters,
      maxSpeed: maxSpeedOf(fixes),
      averageSpeed: (distanceMeters * 1_000) / (end.timestamp - start.timestamp),
      fixes: fixes.length,
      ongoing,
    }
  }

  #leadsAway({ from, stay }: Ride, fixes: readonly Fix[], end: Fix): boolean {
    const { stopRadiusMeters } = this.#settings
    const atEnd = stay.count > 1 && stay.since <= end.timestamp ? stay.mean : end.location
    const returned =
      haversineMeters(from.mean.lng, from.mean.lat, atEnd.lng, atEnd.lat) < stopRadiusMeters * LEAST_RADII
    const least = stopRadiusMeters * (returned ? LEAST_RADII_OF_RETURN : LEAST_RADII)
    return fixes.filter(fix => isAway(from.mean, fix, least)).length >= Math.min(CONFIRMING_FIXES, fixes.length - 1)
  }
}

/** From each fix to the next. */
function legsOf(fixes: readonly Fix[]): { meters: number; seconds: number }[] {
  return fixes.slice(1).map((fix, i) => ({
    meters: metersFrom(fixes[i]!.location, fix),
    seconds: (fix.timestamp - fixes[i]!.timestamp) / 1_000,
  }))
}

/** As the device tells it; of one that does not, from the legs: the median of five in a row, since one jump makes two fast ones. */
function maxSpeedOf(fixes: readonly Fix[]): number {
  const told = fixes.map(({ location }) => location.speed).filter(speed => speed !== undefined)
  if (told.length > 0) return told.reduce((most, speed) => Math.max(most, speed), 0)
  const speeds = legsOf(fixes)
    .filter(({ seconds }) => seconds > 0)
    .map(({ meters, seconds }) => meters / seconds)
  let most = 0
  for (let i = 0; i < speeds.length; i++) {
    const five = speeds.slice(Math.max(0, i - 2), i + 3).sort((a, b) => a - b)
    most = Math.max(most, five[(five.length - 1) >> 1]!)
  }
  return most
}
