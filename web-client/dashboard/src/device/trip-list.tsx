import { useUnits } from '../hooks/use-units.ts'
import type { Trip } from '../live/device-answers.ts'
import { clockTime, durationText } from '../live/time-text.ts'
import { distanceText, speedText } from '../live/units.ts'

interface Props {
  readonly trips: readonly Trip[]
  readonly loading: boolean
  onChoose(trip: Trip): void
}

/** The way cut into trips, newest first; one is gone to by a click. */
export function TripList({ trips, loading, onChoose }: Props) {
  const { units } = useUnits()
  return (
    <section className="panel box" aria-label="Trips">
      <header className="panel__title">
        <h3>Trips</h3>
        {trips.length > 0 && <span className="count">{trips.length}</span>}
      </header>
      {trips.length === 0 ? (
        <p className="panel__empty">{loading ? 'Loading…' : 'It made no trip in this time.'}</p>
      ) : (
        <ol className="box__list">
          {trips.toReversed().map(trip => (
            <li key={trip.start.timestamp}>
              <button className="trip" type="button" onClick={() => onChoose(trip)}>
                <b>
                  {clockTime(trip.start.timestamp)} to {trip.ongoing ? 'now' : clockTime(trip.end.timestamp)}
                </b>
                <span>{distanceText(trip.distanceMeters, units)}</span>
                <small>
                  {durationText(trip.end.timestamp - trip.start.timestamp)}, ⌀ {speedText(trip.averageSpeed, units)}, up
                  to {speedText(trip.maxSpeed, units)}
                </small>
              </button>
            </li>
          ))}
        </ol>
      )}
    </section>
  )
}
