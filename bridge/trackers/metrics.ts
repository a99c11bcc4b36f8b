import { Counter, Gauge, type Registry } from 'prom-client'

export interface TrackerMetrics {
  readonly frames: Counter<'protocol'>
  readonly faults: Counter<'protocol'>
  readonly unidentified: Counter<'protocol'>
  readonly dropped: Counter<'protocol'>
  readonly closed: Counter<'protocol' | 'reason'>
  readonly connections: Gauge<'protocol'>
}

export function trackerMetrics(registry: Registry): TrackerMetrics {
  const registers = [registry]
  return {
    frames: new Counter({
      name: 'trackwire_tracker_frames_total',
      help: 'Frames of native tracker protocols',
      labelNames: ['protocol'],
      registers,
    }),
    faults: new Counter({
      name: 'trackwire_tracker_faults_total',
      help: 'Frames with something wrong in them: a checksum, a field; what could be read was taken',
      labelNames: ['protocol'],
      registers,
    }),
    unidentified: new Counter({
      name: 'trackwire_tracker_unidentified_total',
      help: 'Frames with reports of a device that did not say who it is, or that nobody registered',
      labelNames: ['protocol'],
      registers,
    }),
    dropped: new Counter({
      name: 'trackwire_tracker_datagrams_dropped_total',
      help: 'Datagrams (UDP) that came while too many of their sender waited; unacknowledged, they are sent again',
      labelNames: ['protocol'],
      registers,
    }),
    closed: new Counter({
      name: 'trackwire_tracker_closed_total',
      help: 'Connections that the platform closed',
      labelNames: ['protocol', 'reason'],
      registers,
    }),
    connections: new Gauge({
      name: 'trackwire_tracker_connections',
      help: 'Open connections of native tracker protocols',
      labelNames: ['protocol'],
      registers,
    }),
  }
}
