import { OWNTRACKS_COMMANDS, type OwnTracksCommandName } from '../../contract/index.ts'
import type { CommandType } from '../commands/command-sender.ts'

const SUMMARIES: Readonly<Record<OwnTracksCommandName, string>> = {
  reportLocation: 'Send the position now',
  reportSteps: 'Send the steps of a time (iOS)',
  waypoints: 'Send the places of the phone, which become fences',
  setWaypoints: 'Add places to the phone',
  clearWaypoints: 'Take all places from the phone',
  setConfiguration: 'Change how the phone reports',
  action: 'Show a text or a page in the app',
}

/** What an OwnTracks app understands. A text that is shown twice would be noticed. */
export const OWNTRACKS_COMMAND_TYPES: readonly CommandType[] = (
  Object.keys(OWNTRACKS_COMMANDS) as OwnTracksCommandName[]
).map(name => ({ name, summary: SUMMARIES[name], args: OWNTRACKS_COMMANDS[name], repeatable: name !== 'action' }))
