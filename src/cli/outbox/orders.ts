/** What a command that changed something prints. Always 0. */
export function told(result: object, options: { readonly json: boolean; readonly text: string }): number {
  console.log(options.json ? JSON.stringify(result) : options.text)
  return 0
}
