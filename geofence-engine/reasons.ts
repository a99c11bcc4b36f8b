/** Why a fence announced a transition, or did not: the codes in decisions, and what each of them means. */
export const FENCE_REASONS = {
  crossed: 'The fix lies on the other side of the border than the one before it.',
  initial: 'The first fix that counts for the fence, or the newest one when the fence was set, lies inside.',
  confirmed: 'Enough fixes in a row, or enough time, on the new side; the event bears the first of those fixes.',
  crossed_between: 'Both fixes lie on the same side, the line between them passes the border twice (`cross`).',
  schedule_began: 'The schedule of the fence began while the device was inside.',
  schedule_expected: 'The schedule began, and the device was not where it should be (`expect`).',
  dwelled: 'The stay reached `dwellSeconds`.',
  dwell_repeated: 'The stay went on for another `repeatSeconds`.',
  overstayed: 'The stay reached `maxStaySeconds`.',
  accuracy_poor: 'The fix is worse than `maxAccuracy` and is ignored for the fence.',
  implausible_jump: 'The fix could only have been reached faster than `maxSpeed` and is ignored for the fence.',
  near_border: 'The fix is on the new side, but not as far across the border as its accuracy and the margin ask for.',
  unconfirmed: 'The first fix on the new side; more of them, or more time, are asked for.',
  returned: 'The device was back, or not clearly across, before the crossing was confirmed.',
  event_not_wanted: 'The fence does not announce events of this kind (`events`).',
  out_of_schedule: 'It happened while the schedule of the fence was not in force.',
  stay_too_short: 'The device left before the stay reached `dwellSeconds`.',
} as const

export type FenceReason = keyof typeof FENCE_REASONS
