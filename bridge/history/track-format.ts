import type { LocationUpdate } from '../../contract/index.ts'

export interface TrackTitle {
  readonly deviceId: string
  /** What people call the device. */
  readonly name: string | null
}

/** A kind of file that a track is written as. */
export interface TrackFormat {
  readonly mediaType: string
  readonly extension: string
  /** Piece by piece: never more than a window of fixes is held. */
  write(windows: AsyncIterable<readonly LocationUpdate[]>, title: TrackTitle): AsyncGenerator<string>
}
