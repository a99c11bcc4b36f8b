import type { FenceProperties, NoiseFilter } from '../../contract/index.ts'

/** How a fence deals with positions that are not exact, a preset and what overrides it put together. */
export interface NoiseSettings {
  /** Fixes in a row on the new side that confirm; Infinity: time alone does. */
  readonly minFixes: number
  /** Time on the new side that confirms, milliseconds; Infinity: fixes alone do. */
  readonly minMs: number
  readonly marginMeters: number
  /** The margin that the fence itself asks for, which holds in the smallest fence too. */
  readonly leastMarginMeters: number
  /** How many times its accuracy a position has to be across; 0: accuracy does not matter. */
  readonly accuracyTimes: number
  /** Worse fixes are ignored, metres. */
  readonly maxAccuracy: number
  /** Metres per second; fixes that nothing could have reached are ignored. */
  readonly maxSpeed: number
}

type Preset = Pick<
  FenceProperties,
  'minFixes' | 'minSeconds' | 'marginMeters' | 'useAccuracy' | 'maxAccuracy' | 'maxSpeed'
>

/** What the named filters stand for. Chosen by measurement: docs/guides/operator.md, "Noise". */
export const NOISE_PRESETS: Readonly<Record<NoiseFilter, Preset>> = {
  none: {},
  vehicle: { minFixes: 3, minSeconds: 300, marginMeters: 20, useAccuracy: 2.5, maxAccuracy: 200, maxSpeed: 70 },
  person: { minFixes: 3, minSeconds: 300, marginMeters: 10, useAccuracy: 2.5, maxAccuracy: 200, maxSpeed: 70 },
}

/**
 * The settings of a fence; null when there are none, so that its crossings are the raw ones. A property overrides its part of the
 * preset; `minFixes` and `minSeconds` are one part.
 */
export function noiseSettings(properties: FenceProperties): NoiseSettings | null {
  const preset = NOISE_PRESETS[properties.filter ?? 'none']
  const ownConfirmation = properties.minFixes !== undefined || properties.minSeconds !== undefined
  const { minFixes, minSeconds } = ownConfirmation ? properties : preset
  const { marginMeters, useAccuracy, maxAccuracy, maxSpeed } = { ...preset, ...properties }
  const settings: NoiseSettings = {
    minFixes: minFixes ?? (minSeconds === undefined ? 1 : Number.POSITIVE_INFINITY),
    minMs: minSeconds === undefined ? Number.POSITIVE_INFINITY : minSeconds * 1_000,
    marginMeters: marginMeters ?? 0,
    leastMarginMeters: properties.marginMeters ?? 0,
    accuracyTimes: Number(useAccuracy ?? 0),
    maxAccuracy: maxAccuracy ?? Number.POSITIVE_INFINITY,
    maxSpeed: maxSpeed ?? Number.POSITIVE_INFINITY,
  }
  const isRaw =
    settings.minFixes === 1 &&
    settings.marginMeters === 0 &&
    settings.accuracyTimes === 0 &&
    settings.maxAccuracy === Number.POSITIVE_INFINITY &&
    settings.maxSpeed === Number.POSITIVE_INFINITY
  return isRaw ? null : settings
}
