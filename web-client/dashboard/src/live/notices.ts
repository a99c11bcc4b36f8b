/** A short message for the operator that does not stay. */
export interface Notice {
  readonly id: number
  readonly tone: 'info' | 'error'
  readonly text: string
}

const NOTICES_KEPT = 4

/** The same text again replaces itself, so that a repeated refusal does not fill the screen. */
export function addNotice(notices: readonly Notice[], notice: Notice): readonly Notice[] {
  return [...notices.filter(({ text }) => text !== notice.text), notice].slice(-NOTICES_KEPT)
}
