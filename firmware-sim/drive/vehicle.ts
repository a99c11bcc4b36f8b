/** How a kind of vehicle moves. Metres per second, metres per second squared. */
export interface Vehicle {
  readonly topSpeed: number
  readonly acceleration: number
  readonly braking: number
  /** Sideways acceleration its driver takes in a corner. */
  readonly cornering: number
  /** Chance that a light is red on arrival. */
  readonly redLightChance: number
  readonly activity: string
}

const KMH = 1 / 3.6

/** Kilometres per hour in metres per second. */
export function kmh(kilometresPerHour: number): number {
  return kilometresPerHour * KMH
}

const road = { redLightChance: 0.4, activity: 'driving' }

export const VEHICLES = {
  van: { ...road, topSpeed: kmh(110), acceleration: 1.6, braking: 2.4, cornering: 2.0 },
  truck: { ...road, topSpeed: kmh(85), acceleration: 0.9, braking: 1.8, cornering: 1.4 },
  bus: { ...road, topSpeed: kmh(70), acceleration: 1.0, braking: 1.6, cornering: 1.3 },
  car: { ...road, topSpeed: kmh(120), acceleration: 2.2, braking: 3.0, cornering: 2.5 },
  taxi: { ...road, topSpeed: kmh(120), acceleration: 2.4, braking: 3.2, cornering: 2.8 },
  police: { ...road, topSpeed: kmh(140), acceleration: 3.0, braking: 3.8, cornering: 3.2, redLightChance: 0.1 },
  scooter: { ...road, topSpeed: kmh(60), acceleration: 2.6, braking: 3.2, cornering: 2.8, redLightChance: 0.3 },
  bicycle: {
    topSpeed: kmh(26),
    acceleration: 0.8,
    braking: 2.0,
    cornering: 1.6,
    redLightChance: 0.3,
    activity: 'cycling',
  },
  walker: { topSpeed: 1.5, acceleration: 0.7, braking: 1.0, cornering: 5, redLightChance: 0.2, activity: 'walking' },
} as const satisfies Record<string, Vehicle>

export type VehicleKind = keyof typeof VEHICLES
