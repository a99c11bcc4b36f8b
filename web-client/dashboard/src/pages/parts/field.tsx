import { type ReactNode, useId } from 'react'
import './parts.css'

interface Said {
  readonly label: string
  readonly hint?: ReactNode
  /** What is wrong with it, said right below. */
  readonly error?: string | null
}

/** A label, what is filled in, and what is wrong with it. */
export function Field({
  label,
  hint,
  error = null,
  children,
}: Said & {
  readonly children: (bound: {
    readonly id: string
    readonly 'aria-describedby': string | undefined
    readonly 'aria-invalid': boolean | undefined
  }) => ReactNode
}) {
  const id = useId()
  const described = error !== null || hint !== undefined
  return (
    <div className="entry">
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        'aria-describedby': described ? `${id}-said` : undefined,
        'aria-invalid': error !== null || undefined,
      })}
      {described && (
        <p id={`${id}-said`} className={error === null ? 'entry__hint' : 'entry__error'}>
          {error ?? hint}
        </p>
      )}
    </div>
  )
}

/** Text; empty is undefined. */
export function TextField({
  value,
  onChange,
  placeholder,
  maxLength,
  list,
  required,
  type = 'text',
  ...said
}: Said & {
  readonly value: string | undefined
  onChange(value: string | undefined): void
  readonly placeholder?: string
  readonly maxLength?: number
  /** Id of a datalist of suggestions. */
  readonly list?: string
  readonly required?: boolean
  readonly type?: 'text' | 'search' | 'time' | 'datetime-local'
}) {
  return (
    <Field {...said}>
      {bound => (
        <input
          {...bound}
          type={type}
          value={value ?? ''}
          placeholder={placeholder}
          maxLength={maxLength}
          list={list}
          required={required}
          autoComplete="off"
          spellCheck={false}
          onChange={event => onChange(event.target.value === '' ? undefined : event.target.value)}
        />
      )}
    </Field>
  )
}

/** A number with its unit; empty is undefined. */
export function NumberField({
  value,
  unit,
  onChange,
  min,
  max,
  step = 'any',
  placeholder,
  ...said
}: Said & {
  readonly value: number | undefined
  readonly unit?: string
  onChange(value: number | undefined): void
  readonly min?: number
  readonly max?: number
  readonly step?: number | 'any'
  readonly placeholder?: string
}) {
  return (
    <Field {...said}>
      {bound => (
        <span className="entry__unit">
          <input
            {...bound}
            type="number"
            inputMode="decimal"
            value={value ?? ''}
            min={min}
            max={max}
            step={step}
            placeholder={placeholder}
            onChange={event => {
              const number = event.target.valueAsNumber
              onChange(Number.isNaN(number) ? undefined : number)
            }}
          />
          {unit !== undefined && <span aria-hidden="true">{unit}</span>}
        </span>
      )}
    </Field>
  )
}

export function SelectField<Value extends string>({
  value,
  options,
  onChange,
  ...said
}: Said & {
  readonly value: Value
  readonly options: readonly (readonly [value: NoInfer<Value>, label: string])[]
  onChange(value: NoInfer<Value>): void
}) {
  return (
    <Field {...said}>
      {bound => (
        <select {...bound} value={value} onChange={event => onChange(event.target.value as Value)}>
          {options.map(([id, label]) => (
            <option key={id} value={id}>
              {label}
            </option>
          ))}
        </select>
      )}
    </Field>
  )
}

/** Ids parted by commas or spaces. */
export function IdsField({
  value,
  onChange,
  ...said
}: Said & {
  readonly value: string
  onChange(value: string): void
  readonly list?: string
  readonly placeholder?: string
}) {
  return <TextField {...said} value={value} onChange={text => onChange(text ?? '')} />
}

export function idsOf(text: string): string[] {
  return [...new Set(text.split(/[\s,;]+/).filter(id => id !== ''))]
}

export function CheckField({
  label,
  checked,
  onChange,
  hint,
}: {
  readonly label: string
  readonly checked: boolean
  onChange(checked: boolean): void
  readonly hint?: string
}) {
  const id = useId()
  return (
    <div className="check">
      <input
        id={id}
        type="checkbox"
        checked={checked}
        aria-describedby={hint === undefined ? undefined : `${id}-said`}
        onChange={event => onChange(event.target.checked)}
      />
      <label htmlFor={id}>{label}</label>
      {hint !== undefined && (
        <p id={`${id}-said`} className="entry__hint">
          {hint}
        </p>
      )}
    </div>
  )
}
