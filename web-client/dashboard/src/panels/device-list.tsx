import { type KeyboardEvent, memo, useEffect, useId, useMemo, useRef, useState } from 'react'
import { useConsole } from '../hooks/live-context.ts'
import { useNow } from '../hooks/use-now.ts'
import { useCalmStore, useSelected, useStore } from '../hooks/use-store.ts'
import { useUnits } from '../hooks/use-units.ts'
import { batteryOf, type Device, type DeviceState } from '../live/devices.ts'
import { agoText } from '../live/time-text.ts'
import { type Filter, type NameOrder, NO_ORDER, orderByName, rowsOf } from './device-rows.ts'
import { deviceSpeedText, STATE_TEXT } from './device-text.ts'
import { EmptyFleet } from './empty-fleet.tsx'
import { Icon } from './icons.tsx'
import { StateMark } from './state-mark.tsx'
import { useVisibleRows } from './use-visible-rows.ts'

const FILTERS: readonly (readonly [Filter, string])[] = [
  ['all', 'All'],
  ['moving', 'Moving'],
  ['stopped', 'Stopped'],
  ['offline', 'Offline'],
  ['sos', 'SOS'],
]
const LOW_BATTERY = 20

/** Lists that are longer are drawn as far as they are seen. */
const WHOLE_LIST = 150
/** A longer list is worked through less often. */
const PERIOD_MS = 500
const LARGE_PERIOD_MS = 1_000

export function DeviceList() {
  const { live, selection } = useConsole()
  const large = useSelected(live.devices, devices => devices.size > WHOLE_LIST)
  const devices = useCalmStore(live.devices, large ? LARGE_PERIOD_MS : PERIOD_MS)
  const sos = useStore(live.sos)
  const selectedId = useSelected(selection.store, state => state.deviceId)
  const nowMs = useNow(live.now)
  const [query, setQuery] = useState('')
  const [filter, setFilter] = useState<Filter>('all')
  const [group, setGroup] = useState('')
  const searchField = useRef<HTMLInputElement>(null)
  const list = useRef<HTMLDivElement>(null)
  const listId = useId()
  const order = useRef<NameOrder>(NO_ORDER)

  order.current = orderByName(devices, order.current)
  const { byName, groups } = order.current
  const { shown, counts } = useMemo(() => {
    const inDistress = new Set([...sos.open.values()].map(({ deviceId }) => deviceId))
    return rowsOf(devices, byName, inDistress, nowMs, { query, filter, group })
  }, [devices, byName, sos, nowMs, query, filter, group])
  const narrowed = query.trim() !== '' || filter !== 'all' || group !== ''
  useEffect(() => {
    selection.show(narrowed ? new Set(shown.map(({ device }) => device.id)) : null)
  }, [selection, narrowed, shown])
  useEffect(() => () => selection.show(null), [selection])
  const slice = useVisibleRows(list, shown.length, shown.length > WHOLE_LIST)
  const [activeId, setActiveId] = useState<string | null>(null)
  const active = shown.findIndex(({ device }) => device.id === (activeId ?? selectedId))
  const isDrawn = active >= slice.from && active < slice.to
  const activeRow = isDrawn ? `${listId}-${shown[active]!.device.id}` : undefined

  useSlashKey(searchField)

  const moveTo = (index: number): void => {
    const row = shown[Math.max(0, Math.min(shown.length - 1, index))]
    if (row === undefined) return
    setActiveId(row.device.id)
    slice.scrollTo(shown.indexOf(row))
  }

  const choose = (device: Device): void => {
    setActiveId(device.id)
    selection.select(device.id)
    if (device.fix !== null) {
      selection.flyTo({ position: [device.fix.location.lng, device.fix.location.lat], ping: false })
    }
  }

  const onKeyDown = (event: KeyboardEvent): void => {
    const page = 8
    const goal: Record<string, number> = {
      ArrowDown: active + 1,
      ArrowUp: active - 1,
      PageDown: active + page,
      PageUp: active - page,
    }
    const target = goal[event.key]
    if (target !== undefined) {
      event.preventDefault()
      moveTo(target)
    } else if (event.key === 'Enter') {
      const row = shown[Math.max(0, active)]
      if (row !== undefined) choose(row.device)
    } else if (event.key === 'Escape') {
      event.stopPropagation()
      if (query !== '') setQuery('')
      else {
        selection.select(null)
        setActiveId(null)
      }
    }
  }

  if (devices.size === 0) return <EmptyFleet />
  return (
    <section className="panel devices" aria-label="Devices">
      <div className="panel__head">
        <label className="search">
          <Icon name="search" />
          <span className="hidden">Search devices</span>
          <input
            ref={searchField}
            type="text"
            value={query}
            placeholder="Search devices"
            role="combobox"
            aria-expanded="true"
            aria-controls={listId}
            aria-activedescendant={activeRow}
            spellCheck={false}
            autoComplete="off"
            onChange={event => setQuery(event.target.value)}
            onKeyDown={onKeyDown}
          />
          {query === '' ? (
            <kbd title="Press / to search">/</kbd>
          ) : (
            <button className="search__clear" type="button" aria-label="Clear search" onClick={() => setQuery('')}>
              <Icon name="close" />
            </button>
          )}
        </label>
        <fieldset className="filters">
          <legend className="hidden">Show devices that are</legend>
          {FILTERS.map(([name, text]) => {
            const count = counts[name]
            if (name === 'sos' && count === 0 && filter !== 'sos') return null
            return (
              <button
                key={name}
                type="button"
                className="chip"
                data-tone={name}
                aria-pressed={filter === name}
                onClick={() => setFilter(name)}
              >
                {text} <b>{count}</b>
              </button>
            )
          })}
        </fieldset>
        {groups.length > 0 && (
          <label className="groups">
            <span className="hidden">Group</span>
            <select value={group} onChange={event => setGroup(event.target.value)}>
              <option value="">All groups</option>
              {groups.map(name => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
        )}
      </div>
      {/* Focus stays in the field or on the list; which option is meant is told by aria-activedescendant. */}
      <div
        className="list"
        id={listId}
        ref={list}
        role="listbox"
        aria-label="Devices"
        tabIndex={0}
        aria-activedescendant={activeRow}
        onKeyDown={onKeyDown}
      >
        {slice.before > 0 && <div role="presentation" style={{ height: slice.before }} />}
        {shown.slice(slice.from, slice.to).map(({ device, state, sos }, i) => (
          <DeviceRow
            key={device.id}
            id={`${listId}-${device.id}`}
            device={device}
            state={state}
            sos={sos}
            age={device.fix === null ? null : agoText(nowMs - device.fix.timestamp)}
            selected={device.id === selectedId}
            active={slice.from + i === active}
            position={slice.from + i + 1}
            size={shown.length}
            onChoose={choose}
          />
        ))}
        {slice.after > 0 && <div role="presentation" style={{ height: slice.after }} />}
      </div>
      {shown.length === 0 && (
        <p className="panel__empty">
          {query === '' ? 'No device is in this state now.' : `No device matches “${query}”.`}
        </p>
      )}
    </section>
  )
}

interface RowProps {
  readonly id: string
  readonly device: Device
  readonly state: DeviceState
  readonly sos: boolean
  readonly age: string | null
  readonly selected: boolean
  readonly active: boolean
  /** In the list, from 1 on. */
  readonly position: number
  readonly size: number
  onChoose(device: Device): void
}

const sameRow = (a: RowProps, b: RowProps): boolean =>
  a.device === b.device &&
  a.state === b.state &&
  a.sos === b.sos &&
  a.age === b.age &&
  a.selected === b.selected &&
  a.active === b.active &&
  a.position === b.position &&
  a.size === b.size

/** Rendered again only when what it shows has changed, not with every fix of another device. */
const DeviceRow = memo(function DeviceRow(props: RowProps) {
  const { id, device, state, sos, age, selected, active, position, size, onChoose } = props
  const battery = batteryOf(device)
  const { units } = useUnits()
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the list box handles the keys for all of its options
    <div
      className="row"
      id={id}
      role="option"
      tabIndex={-1}
      aria-selected={selected}
      aria-posinset={position}
      aria-setsize={size}
      data-active={active || undefined}
      onClick={() => onChoose(device)}
    >
      <StateMark state={state} sos={sos} heading={device.fix?.location.heading} />
      <span className="row__name">{device.name}</span>
      <span className="row__value">{state === 'moving' ? deviceSpeedText(device, units) : STATE_TEXT[state]}</span>
      <span className="row__more">{age ?? 'no position yet'}</span>
      <span className="row__flags">
        {sos && (
          <b className="tag" data-tone="sos">
            SOS
          </b>
        )}
        {battery !== null && battery < LOW_BATTERY && (
          <b className="tag" data-tone="warn" title="Battery is low">
            {Math.round(battery)} %
          </b>
        )}
      </span>
    </div>
  )
}, sameRow)

/** `/` goes to the search field from anywhere but another field. */
function useSlashKey(field: { readonly current: HTMLInputElement | null }): void {
  useEffect(() => {
    const onKey = (event: globalThis.KeyboardEvent): void => {
      const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement
      if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return
      event.preventDefault()
      field.current?.focus()
      field.current?.select()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [field])
}
