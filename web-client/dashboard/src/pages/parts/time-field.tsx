import { TextField } from './field.tsx'

/** A point in time in the reader's own zone; milliseconds, or undefined. */
export function TimeField({
  label,
  value,
  onChange,
  error = null,
}: {
  readonly label: string
  readonly value: number | undefined
  onChange(value: number | undefined): void
  readonly error?: string | null
}) {
  return (
    <TextField
      label={label}
      type="datetime-local"
      value={value === undefined ? undefined : localText(value)}
      error={error}
      onChange={text => {
        const time = text === undefined ? Number.NaN : new Date(text).getTime()
        onChange(Number.isNaN(time) ? undefined : time)
      }}
    />
  )
}

/** As `<input type="datetime-local">` has it. */
function localText(ms: number): string {
  const offsetMs = new Date(ms).getTimezoneOffset() * 60_000
  return new Date(ms - offsetMs).toISOString().slice(0, 16)
}
