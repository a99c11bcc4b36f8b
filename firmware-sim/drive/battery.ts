/** A battery that drains in use and is plugged in when nearly empty. Per cent, per cent per hour. */
export interface BatteryPlan {
  readonly startPercent: number
  readonly drainPerHour: number
  readonly chargePerHour: number
  /** Plugged in when the charge falls to this. */
  readonly plugInAtPercent: number
}

export const VEHICLE_BATTERY: BatteryPlan = {
  startPercent: 96,
  drainPerHour: 2,
  chargePerHour: 30,
  plugInAtPercent: 60,
}
export const PHONE_BATTERY: BatteryPlan = { startPercent: 82, drainPerHour: 9, chargePerHour: 60, plugInAtPercent: 5 }

export interface Battery {
  /** The charge in whole per cent after `seconds` more. */
  after(seconds: number): number
}

export function createBattery(plan: BatteryPlan): Battery {
  let percent = plan.startPercent
  let charging = false
  return {
    after(seconds) {
      if (percent <= plan.plugInAtPercent) charging = true
      if (percent >= 100) charging = false
      const perHour = charging ? plan.chargePerHour : -plan.drainPerHour
      percent = Math.min(100, Math.max(0, percent + (perHour * seconds) / 3_600))
      return Math.round(percent)
    },
  }
}
