/** Sending a text to a device. No answer is waited for: out is applied. */
import type { MessageTarget } from '../../command-settings.ts'
import { type Devices, failureOf } from '../devices.ts'
import { type AttemptResult, ended, type Target } from '../target.ts'
import { fill, fitRule } from './value-rule.ts'

export function messageTarget(settings: MessageTarget, devices: Devices): Target {
  const { device, text, value: rule } = settings
  return {
    turn: `device ${device}`,
    touches: [`messages ${device}`],
    device,
    isReady: () => devices.isOnline(device),
    fit(value) {
      const fitted = fitRule(rule, value)
      // One byte a character, as text is read from such devices.
      if (!fitted.ok || isLatin1(fill(text, fitted.value))) return fitted
      return { ok: false, reason: 'value has characters beyond ISO 8859-1, which cannot be sent' }
    },
    async apply({ command, repeatable, isWanted }): Promise<AttemptResult> {
      try {
        await devices.send(device, fill(text, command.value), isWanted)
      } catch (error) {
        const { happened, retriable, text: reason } = failureOf(error)
        if (happened === 'no')
          return retriable ? { result: 'again', doubt: false, reason } : ended('failed', { reason })
        return repeatable && retriable ? { result: 'again', doubt: true, reason } : ended('unknown', { reason })
      }
      return ended('applied')
    },
  }
}

function isLatin1(text: string): boolean {
  return [...text].every((character) => (character.codePointAt(0) ?? 0) <= 0xff)
}
