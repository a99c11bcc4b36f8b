import { type Device, type DeviceState, type Devices, stateOf } from '../live/devices.ts'

export type Filter = 'all' | 'moving' | 'stopped' | 'offline' | 'sos'

export interface Row {
  readonly device: Device
  readonly state: DeviceState
  readonly sos: boolean
}

interface Named {
  readonly id: string
  /** In which a search looks: name and id in small letters. */
  readonly text: string
}

/** The order of the list, kept while no name changes: positions change every second, and sorting ten thousand names is dear. */
export interface NameOrder {
  readonly names: ReadonlyMap<string, string>
  readonly byName: readonly Named[]
  readonly groups: readonly string[]
}

export const NO_ORDER: NameOrder = { names: new Map(), byName: [], groups: [] }

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' })

/** @param before the last answer, which is given again when it still holds */
export function orderByName(devices: Devices, before: NameOrder): NameOrder {
  if (isOrderOf(devices, before)) return before
  const names = new Map<string, string>()
  const groups = new Set<string>()
  for (const device of devices.values()) {
    names.set(device.id, keyOf(device))
    for (const group of device.groups) groups.add(group)
  }
  const byName = [...devices.values()]
    .sort((a, b) => collator.compare(a.name, b.name))
    .map(({ id, name }) => ({ id, text: `${name} ${id}`.toLowerCase() }))
  return { names, byName, groups: [...groups].sort(collator.compare) }
}

function isOrderOf(devices: Devices, { names }: NameOrder): boolean {
  if (devices.size !== names.size) return false
  for (const device of devices.values()) if (names.get(device.id) !== keyOf(device)) return false
  return true
}

const keyOf = ({ name, groups }: Device): string => (groups.length === 0 ? name : `${name}\n${groups.join('\n')}`)

interface Wanted {
  readonly query: string
  readonly filter: Filter
  /** `''`: of any. */
  readonly group: string
}

/** The rows that are wanted, those in distress first, then by name; and how many every filter would leave. */
export function rowsOf(
  devices: Devices,
  byName: readonly Named[],
  inDistress: ReadonlySet<string>,
  nowMs: number,
  { query, filter, group }: Wanted,
): { readonly shown: readonly Row[]; readonly counts: Readonly<Record<Filter, number>> } {
  const words = query.trim().toLowerCase()
  const counts = { all: 0, moving: 0, stopped: 0, offline: 0, sos: 0 }
  const urgent: Row[] = []
  const others: Row[] = []
  for (const { id, text } of byName) {
    const device = devices.get(id)
    if (device === undefined || (group !== '' && !device.groups.includes(group))) continue
    const state = stateOf(device, nowMs)
    const sos = inDistress.has(id)
    const kind = state === 'moving' || state === 'stopped' ? state : 'offline'
    counts.all += 1
    counts[kind] += 1
    if (sos) counts.sos += 1
    if (filter !== 'all' && !(filter === 'sos' ? sos : filter === kind)) continue
    if (words !== '' && !text.includes(words)) continue
    ;(sos ? urgent : others).push({ device, state, sos })
  }
  return { shown: [...urgent, ...others], counts }
}
