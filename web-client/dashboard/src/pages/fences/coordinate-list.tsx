import { type FormEvent, useState } from 'react'
import { Icon } from '../../panels/icons.tsx'
import { Field } from '../parts/field.tsx'
import { type FenceDraft, movePoint, type Position, removePoint } from './fence-draft.ts'
import { readCoordinates, readDegrees } from './read-coordinates.ts'
import type { ChangeDraft } from './use-draft.ts'

/** Longer outlines come from a file or the map: a form of thousands of fields helps nobody. */
const MOST_SHOWN = 60

interface Props {
  readonly draft: FenceDraft
  readonly chosen: number | null
  readonly onChange: ChangeDraft
  onChoose(index: number | null): void
  /** Where the map looks. */
  middle(): Position | null
}

/** The same as drawing, for the keyboard and for coordinates that come from elsewhere. */
export function CoordinateList({ draft, chosen, onChange, onChoose, middle }: Props) {
  const { points, shape } = draft
  const [fault, setFault] = useState<string | null>(null)

  const add = (positions: readonly Position[]): void => {
    onChange({ ...draft, points: shape === 'circle' ? positions.slice(-1) : [...points, ...positions] })
  }
  const onPaste = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault()
    const form = event.currentTarget
    const read = readCoordinates(String(new FormData(form).get('pairs') ?? ''))
    if ('wrongLine' in read) return setFault(`Line ${read.wrongLine} is no pair of latitude and longitude.`)
    if (read.length === 0) return setFault('Write a pair such as 41.15, -8.61.')
    setFault(null)
    add(read)
    form.reset()
  }

  return (
    <div className="form">
      {points.length > 0 && (
        <ol className="coordinates">
          {points.slice(0, MOST_SHOWN).map((point, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a point has no other name than its place
            <li key={index} data-chosen={index === chosen || undefined}>
              <span className="coordinates__number" aria-hidden="true">
                {index + 1}
              </span>
              <Degrees
                label={`Latitude of point ${index + 1}`}
                value={point[1]}
                onFocus={() => onChoose(index)}
                onChange={lat => onChange(movePoint(draft, index, [point[0], lat]))}
              />
              <Degrees
                label={`Longitude of point ${index + 1}`}
                value={point[0]}
                onFocus={() => onChoose(index)}
                onChange={lng => onChange(movePoint(draft, index, [lng, point[1]]))}
              />
              <button
                className="icon-button"
                type="button"
                aria-label={`Remove point ${index + 1}`}
                title="Remove"
                onClick={() => {
                  onChoose(null)
                  onChange(removePoint(draft, index))
                }}
              >
                <Icon name="close" />
              </button>
            </li>
          ))}
        </ol>
      )}
      {points.length > MOST_SHOWN && (
        <p className="entry__hint">And {points.length - MOST_SHOWN} more, which can be moved on the map.</p>
      )}
      <form className="form" onSubmit={onPaste}>
        <Field
          label={shape === 'circle' ? 'Centre by coordinates' : 'Add points by coordinates'}
          hint="Latitude, longitude; one pair a line."
          error={fault}
        >
          {bound => <textarea {...bound} name="pairs" rows={2} placeholder="41.1496, -8.6109" spellCheck={false} />}
        </Field>
        <div className="form__buttons">
          <button className="button button--small" type="submit">
            {shape === 'circle' ? 'Set the centre' : 'Add points'}
          </button>
          <button
            className="button button--small"
            type="button"
            onClick={() => {
              const position = middle()
              if (position !== null) add([position])
            }}
          >
            Add the middle of the map
          </button>
        </div>
      </form>
    </div>
  )
}

/** Degrees as text, taken over when the field is left: half a number is no coordinate. */
function Degrees({
  label,
  value,
  onFocus,
  onChange,
}: {
  readonly label: string
  readonly value: number
  onFocus(): void
  onChange(value: number): void
}) {
  const [text, setText] = useState<string | null>(null)
  const number = text === null ? value : readDegrees(text)
  const commit = (): void => {
    if (text !== null && !Number.isNaN(number) && number !== value) onChange(number)
    setText(null)
  }
  return (
    <input
      className="cell-input"
      aria-label={label}
      aria-invalid={Number.isNaN(number) || undefined}
      inputMode="decimal"
      value={text ?? String(value)}
      onFocus={onFocus}
      onChange={event => setText(event.target.value)}
      onBlur={commit}
      onKeyDown={event => {
        if (event.key === 'Enter') {
          event.preventDefault()
          commit()
        }
      }}
    />
  )
}
