import { PageFrame } from '../page-frame.tsx'
import { Failure, Loading } from '../parts/list-state.tsx'
import { curveOf, MEASURES, numberText } from './measures.ts'
import { SparkLine } from './spark-line.tsx'
import { useReadings } from './use-readings.ts'
import './health-page.css'

const COUNTS = [
  ['connections', 'MQTT connections'],
  ['sessions', 'Sessions'],
  ['subscriptions', 'Subscriptions'],
  ['retained', 'Retained messages'],
] as const

/** How the platform is: its parts, and what it measures of itself. */
export default function HealthPage() {
  const { health, realtime, readings, error } = useReadings()
  return (
    <PageFrame title="Health" actions={health !== null && <span className="muted">Version {health.version}</span>}>
      {error !== null && <Failure error={error} />}
      {health === null ? (
        error === null && <Loading />
      ) : (
        <>
          <section className="box" aria-label="Parts">
            <p className="health__status" data-ok={health.status === 'ok'}>
              {health.status === 'ok' ? 'All parts are well' : 'A part is not well'}
            </p>
            <ul className="health__parts">
              {Object.entries(health.parts).map(([name, { ok, detail }]) => (
                <li key={name} data-ok={ok}>
                  <strong>{name}</strong>
                  <span>{detail ?? (ok ? 'well' : 'not well')}</span>
                </li>
              ))}
            </ul>
          </section>
          <dl className="health__counts">
            {COUNTS.map(([key, label]) => (
              <div key={key} className="box">
                <dt>{label}</dt>
                <dd>{typeof realtime?.[key] === 'number' ? numberText(realtime[key]) : '–'}</dd>
              </div>
            ))}
          </dl>
          <section className="health__charts" aria-label="Measures">
            {MEASURES.map(measure => {
              const curve = curveOf(measure, readings)
              const newest = curve.at(-1) ?? null
              const known = curve.filter(value => value !== null)
              return (
                <figure key={measure.title} className="box health-chart">
                  <figcaption>
                    <span>{measure.title}</span>
                    <strong>
                      {newest === null ? '–' : numberText(newest)} <small>{newest !== null && measure.unit}</small>
                    </strong>
                  </figcaption>
                  <SparkLine values={curve} />
                  <p className="muted">{known.length < 2 ? 'gathering…' : `most ${numberText(Math.max(...known))}`}</p>
                </figure>
              )
            })}
          </section>
          <p className="muted">
            Read every 5 seconds while this page is open. Every measure, for Prometheus:{' '}
            <a href="/metrics" target="_blank" rel="noreferrer">
              /metrics
            </a>
          </p>
        </>
      )}
    </PageFrame>
  )
}
