import type { FenceProperties, FenceSchedule, NoiseFilter } from '../../../../../contract/index.ts'
import { useUnits } from '../../hooks/use-units.ts'
import { speedIn, speedUnit } from '../../live/units.ts'
import { CheckField, Field, idsOf, NumberField, SelectField, TextField } from '../parts/field.tsx'
import { type Fault, faultAt } from './draft-faults.ts'
import { type FenceDraft, withProperty } from './fence-draft.ts'
import type { ChangeDraft } from './use-draft.ts'

const TRANSITIONS = [
  ['enter', 'Enters'],
  ['exit', 'Leaves'],
  ['dwell', 'Stays'],
] as const
const FILTERS: readonly (readonly [NoiseFilter | '', string])[] = [
  ['', 'Default'],
  ['vehicle', 'Vehicle'],
  ['person', 'Person on foot'],
  ['none', 'None: every fix counts'],
]
const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']
const SECONDS_PER_MINUTE = 60

interface Props {
  readonly draft: FenceDraft
  readonly faults: readonly Fault[]
  readonly onChange: ChangeDraft
}

/** What a fence announces, of whom and when. */
export function FenceRules({ draft, faults, onChange }: Props) {
  const { properties } = draft
  const { units } = useUnits()
  const perMeterPerSecond = speedIn(1, units)
  const set = <Key extends keyof FenceProperties>(key: Key, value: FenceProperties[Key] | undefined): void =>
    onChange(withProperty(draft, key, value), `property-${key}`)
  const fault = (path: string): string | null => faultAt(faults, `/properties/${path}`)
  const minutes = (key: 'dwellSeconds' | 'repeatSeconds' | 'maxStaySeconds') => ({
    unit: 'min',
    min: 0,
    value: scaled(properties[key], 1 / SECONDS_PER_MINUTE),
    error: fault(key),
    onChange: (value: number | undefined) => set(key, scaled(value, SECONDS_PER_MINUTE)),
  })
  const speed = (key: 'speedLimit' | 'maxSpeed') => ({
    unit: speedUnit(units),
    min: 0,
    value: scaled(properties[key], perMeterPerSecond),
    error: fault(key),
    onChange: (value: number | undefined) => set(key, scaled(value, 1 / perMeterPerSecond)),
  })
  const events = properties.events ?? ['enter', 'exit', ...(properties.dwellSeconds === undefined ? [] : ['dwell'])]

  return (
    <>
      <fieldset className="form">
        <legend>Announce when a device</legend>
        <div className="checks">
          {TRANSITIONS.map(([event, label]) => (
            <CheckField
              key={event}
              label={label}
              checked={events.includes(event)}
              onChange={checked =>
                set(
                  'events',
                  TRANSITIONS.map(([known]) => known).filter(known =>
                    known === event ? checked : events.includes(known),
                  ),
                )
              }
            />
          ))}
        </div>
        <div className="form__row">
          <NumberField label="Stays after" {...minutes('dwellSeconds')} />
          <NumberField label="Repeat every" {...minutes('repeatSeconds')} />
          <NumberField label="Longest stay" {...minutes('maxStaySeconds')} />
        </div>
        <div className="form__row">
          <NumberField label="Speed limit inside" {...speed('speedLimit')} />
          <TextField
            label="Severity"
            value={properties.severity}
            maxLength={32}
            placeholder="e.g. high"
            hint="With one, a stay is an incident that somebody answers."
            error={fault('severity')}
            onChange={value => set('severity', value)}
          />
        </div>
      </fieldset>
      <AppliesTo properties={properties} fault={fault} set={set} />
      <Schedule schedule={properties.schedule} fault={fault} onChange={value => set('schedule', value)} />
      <details className="fold">
        <summary>Against noise</summary>
        <div className="form">
          <SelectField
            label="Preset"
            value={properties.filter ?? ''}
            options={FILTERS}
            error={fault('filter')}
            onChange={value => set('filter', value === '' ? undefined : value)}
          />
          <div className="form__row">
            <NumberField
              label="Margin"
              unit="m"
              min={0}
              value={properties.marginMeters}
              error={fault('marginMeters')}
              onChange={value => set('marginMeters', value)}
            />
            <NumberField
              label="Worst accuracy"
              unit="m"
              min={0}
              value={properties.maxAccuracy}
              error={fault('maxAccuracy')}
              onChange={value => set('maxAccuracy', value)}
            />
          </div>
          <div className="form__row">
            <NumberField
              label="Fixes to confirm"
              min={1}
              step={1}
              value={properties.minFixes}
              error={fault('minFixes')}
              onChange={value => set('minFixes', value)}
            />
            <NumberField
              label="Or seconds"
              unit="s"
              min={0}
              value={properties.minSeconds}
              error={fault('minSeconds')}
              onChange={value => set('minSeconds', value)}
            />
          </div>
          <NumberField label="Faster than this is no fix" {...speed('maxSpeed')} />
          <CheckField
            label="Crossings between two fixes count"
            checked={properties.cross === true}
            onChange={checked => set('cross', checked ? true : undefined)}
          />
          <CheckField
            label="All of the circle of accuracy must be across"
            checked={properties.useAccuracy !== undefined && properties.useAccuracy !== false}
            onChange={checked => set('useAccuracy', checked ? true : undefined)}
          />
        </div>
      </details>
    </>
  )
}

type SetProperty = <Key extends keyof FenceProperties>(key: Key, value: FenceProperties[Key] | undefined) => void

function AppliesTo({
  properties,
  fault,
  set,
}: {
  readonly properties: FenceProperties
  fault(path: string): string | null
  readonly set: SetProperty
}) {
  const { devices = [], groups = [] } = properties.appliesTo ?? {}
  const setIds = (next: { readonly devices: readonly string[]; readonly groups: readonly string[] }): void => {
    const appliesTo = {
      ...(next.devices.length > 0 && { devices: [...next.devices] }),
      ...(next.groups.length > 0 && { groups: [...next.groups] }),
    }
    set('appliesTo', Object.keys(appliesTo).length === 0 ? undefined : appliesTo)
  }
  return (
    <fieldset className="form">
      <legend>Counts for</legend>
      <div className="form__row">
        <Ids
          label="Devices"
          ids={devices}
          error={fault('appliesTo/devices')}
          onChange={ids => setIds({ devices: ids, groups })}
        />
        <Ids
          label="Groups"
          ids={groups}
          error={fault('appliesTo/groups')}
          onChange={ids => setIds({ devices, groups: ids })}
        />
      </div>
    </fieldset>
  )
}

function Ids({
  label,
  ids,
  error,
  onChange,
}: {
  readonly label: string
  readonly ids: readonly string[]
  readonly error: string | null
  onChange(ids: string[]): void
}) {
  return (
    <Field label={label} hint="Ids parted by commas; empty: all." error={error}>
      {bound => (
        <input
          {...bound}
          key={ids.join()}
          defaultValue={ids.join(', ')}
          spellCheck={false}
          onBlur={event => onChange(idsOf(event.target.value))}
        />
      )}
    </Field>
  )
}

function Schedule({
  schedule,
  fault,
  onChange,
}: {
  readonly schedule: FenceSchedule | undefined
  fault(path: string): string | null
  onChange(schedule: FenceSchedule | undefined): void
}) {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone
  const set = <Key extends keyof FenceSchedule>(key: Key, value: FenceSchedule[Key] | undefined): void => {
    const { [key]: _, ...rest } = schedule ?? {}
    onChange(value === undefined ? rest : { ...rest, [key]: value })
  }
  const days = schedule?.days ?? [1, 2, 3, 4, 5, 6, 7]
  return (
    <fieldset className="form">
      <legend>When</legend>
      <CheckField
        label="Only at certain times"
        checked={schedule !== undefined}
        onChange={checked => onChange(checked ? { from: '08:00', to: '18:00', timeZone: own } : undefined)}
      />
      {schedule !== undefined && (
        <>
          <div className="checks">
            {DAYS.map((label, i) => (
              <CheckField
                key={label}
                label={label}
                checked={days.includes(i + 1)}
                onChange={checked => {
                  const next = DAYS.map((_, day) => day + 1).filter(day =>
                    day === i + 1 ? checked : days.includes(day),
                  )
                  set('days', next.length === DAYS.length ? undefined : next)
                }}
              />
            ))}
          </div>
          {fault('schedule/days') !== null && <p className="entry__error">{fault('schedule/days')}</p>}
          <div className="form__row">
            <TextField
              label="From"
              type="time"
              value={schedule.from}
              error={fault('schedule/from')}
              onChange={value => set('from', value)}
            />
            <TextField
              label="To"
              type="time"
              value={schedule.to}
              error={fault('schedule/to')}
              onChange={value => set('to', value)}
            />
          </div>
          <TextField
            label="Time zone"
            value={schedule.timeZone}
            list="time-zones"
            placeholder="UTC"
            error={fault('schedule/timeZone')}
            onChange={value => set('timeZone', value)}
          />
          <datalist id="time-zones">
            {Intl.supportedValuesOf('timeZone').map(zone => (
              <option key={zone} value={zone} />
            ))}
          </datalist>
          <SelectField
            label="When it begins, devices should be"
            value={schedule.expect ?? ''}
            options={[
              ['', 'anywhere'],
              ['inside', 'inside'],
              ['outside', 'outside'],
            ]}
            error={fault('schedule/expect')}
            onChange={value => set('expect', value === '' ? undefined : value)}
          />
        </>
      )}
    </fieldset>
  )
}

/** To five digits: 50 km/h shall come back as 50, not as 49.99. */
function scaled(value: number | undefined, factor: number): number | undefined {
  return value === undefined ? undefined : Number((value * factor).toPrecision(5))
}
