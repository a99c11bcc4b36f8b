import type { FenceProperties, GeofenceTransition } from '../../contract/index.ts'

/** `events`: which crossings the fence announces; all when it does not say. */
export function announces({ events }: FenceProperties, event: GeofenceTransition): boolean {
  return events === undefined || events.includes(event)
}
