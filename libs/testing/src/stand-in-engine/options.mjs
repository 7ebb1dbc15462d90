/** Splits `--name=value` options from the other arguments. */
export function optionsOf(args) {
  const options = {};
  const others = [];
  for (const arg of args) {
    const [, name, value] = /^--([\w-]+)=(.*)$/s.exec(arg) ?? [];
    if (name === undefined) others.push(arg);
    else options[name] = value;
  }
  return { options, others };
}
