import type { FenceFeature } from '../../contract/index.ts'
import type { DevicePlan } from '../device-plan.ts'
import { VEHICLE_BATTERY } from '../drive/battery.ts'
import { drive } from '../drive/drive.ts'
import { VEHICLES, type VehicleKind } from '../drive/vehicle.ts'
import { createRandom } from '../random.ts'
import type { Position, TimedPoint } from '../track.ts'
import { DEMO_VEHICLES, type DemoVehicle } from './demo-vehicles.ts'
import { planRoute, stopsEvery } from './plan-route.ts'
import { PORTO_FENCES } from './porto-fences.ts'

export interface DemoMember {
  readonly deviceId: string
  readonly name: string
  readonly kind: VehicleKind
  /** The closed route, `[longitude, latitude]`. */
  readonly route: readonly Position[]
  /** Drives the route without end. The same seed gives the same track. */
  track(startMs: number, seed: number | string, changes?: DriveChanges): Generator<TimedPoint, void, undefined>
  readonly plan: Omit<DevicePlan, 'deviceId' | 'token' | 'track'>
}

/** What a simulation may change of a vehicle's drive. */
export interface DriveChanges {
  readonly intervalSeconds?: number
  readonly noiseMeters?: number
  /** Share of the route at which it begins, 0 to 1. */
  readonly startShare?: number
}

export interface DemoCity {
  readonly name: string
  readonly centre: Position
  readonly fences: readonly FenceFeature[]
  readonly vehicles: readonly DemoMember[]
}

/** Porto: streets and fences drawn by hand, and a fleet that drives them. Pure data and generators. */
export function demoCity(): DemoCity {
  return {
    name: 'Porto',
    centre: [-8.629, 41.16],
    fences: PORTO_FENCES,
    vehicles: DEMO_VEHICLES.map(createMember),
  }
}

/** Plans for `startFleet`: the demo's whole fleet. */
export function demoFleet(options: {
  readonly tokenFor: (deviceId: string) => string
  readonly seed: number | string
}): DevicePlan[] {
  return demoCity().vehicles.map(({ deviceId, plan, track }) => ({
    ...plan,
    deviceId,
    token: options.tokenFor(deviceId),
    track: (startMs: number) => track(startMs, options.seed),
  }))
}

function createMember(vehicle: DemoVehicle): DemoMember {
  const { route, positions, zones, lights } = planRoute(vehicle.itinerary)
  const stops = vehicle.stops === undefined ? [] : stopsEvery(route, vehicle.stops.everyMeters, vehicle.stops.seconds)
  return {
    deviceId: vehicle.deviceId,
    name: vehicle.name,
    kind: vehicle.kind,
    route: positions,
    track: (startMs, seed, changes = {}) =>
      drive({
        route,
        vehicle: VEHICLES[vehicle.kind],
        seed: `${seed}/${vehicle.deviceId}`,
        startMs,
        intervalSeconds: changes.intervalSeconds ?? vehicle.intervalSeconds,
        startAtMeters: (changes.startShare ?? vehicle.startShare) * route.lengthMeters,
        zones,
        halts: vehicle.kind === 'walker' ? stops : [...lights, ...stops],
        noiseMeters: changes.noiseMeters ?? vehicle.noiseMeters ?? 4,
        battery: vehicle.battery ?? {
          ...VEHICLE_BATTERY,
          startPercent: Math.round(createRandom(`battery/${vehicle.deviceId}`).between(70, 100)),
        },
      }),
    plan: {
      intervalSeconds: vehicle.intervalSeconds,
      attributes: { vehicle: vehicle.kind, name: vehicle.name },
      ...(vehicle.link === undefined ? {} : { link: vehicle.link }),
      ...(vehicle.sos === undefined ? {} : { sos: vehicle.sos }),
    },
  }
}
