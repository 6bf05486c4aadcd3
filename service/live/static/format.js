// Formats durations, moments and amounts, to the character as service/live/text/formats.py does. `messages` are the
// translated messages that the server sends with the page; a list has the plural forms of one message.

const MINUTE = 60; // seconds
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MINUS = "\u2212"; // as the server writes it
const FORMS = ["one", "few", "many"]; // the plural categories in the order of a message's forms

/** A duration: minutes below an hour, hours and minutes below a day, else days and hours. */
export function duration(seconds, messages, language) {
  const whole = Math.floor(Math.max(0, seconds));
  const days = Math.floor(whole / DAY);
  const hours = Math.floor((whole % DAY) / HOUR);
  const minutes = Math.floor((whole % HOUR) / MINUTE);
  const units = [];
  if (days) units.push(fill(plural(messages.day, days, language), { num: days }));
  if (hours) units.push(fill(messages.hour, { num: hours }));
  if (minutes && !days) units.push(fill(messages.minute, { num: minutes }));
  return units.length ? units.join(" ").replace(/ /g, "\u00a0") : messages.moment;
}

/** A moment to the second, with its date, and its year, if they are not those of `seen`. Both are local ISO texts. */
export function moment(at, seen, messages) {
  return dated(at, seen, at.slice(11, 19), messages);
}

/** The same to the minute. */
export function minute(at, seen, messages) {
  return dated(at, seen, at.slice(11, 16), messages);
}

function dated(at, seen, time, messages) {
  if (at.slice(0, 10) === seen.slice(0, 10)) return time;
  const [year, month, day] = at.slice(0, 10).split("-").map(Number);
  const form = at.slice(0, 4) === seen.slice(0, 4) ? messages.date : messages.dated;
  return `${fill(form, { day, month: messages.months[month - 1], year })}, ${time}`;
}

/** Milliseconds since 1970 as a local ISO text in the time zone of `sample`, another such text. */
export function localIso(milliseconds, sample) {
  const offset = Date.parse(`${sample.slice(0, 23)}Z`) - Date.parse(sample);
  return new Date(milliseconds + offset).toISOString();
}

/** A message with its `%(name)s` placeholders filled in. */
export function fill(message, values) {
  return message.replace(/%\((\w+)\)s/g, (_, name) => values[name]);
}

/**
 * An amount, a decimal text, written as the one in `sample`: `412 560 ₽` and `5184` make `5 184 ₽`. No digit is lost,
 * however many there are.
 */
export function formatLike(sample, amount) {
  const [whole, decimals = ""] = amount.replace("-", "").split(".");
  const format = new Intl.NumberFormat(document.documentElement.lang);
  const point = decimals && format.formatToParts(0.5)[1].value;
  const figure = `${format.format(BigInt(whole))}${point}${decimals}`;
  const sign = amount.startsWith("-") ? MINUS : "";
  return sign + sample.replace(MINUS, "").replace(/\d(?:[\d\s.,]*\d)?/, () => figure);
}

/**
 * What is left of an amount without some others: decimal texts with the same number of decimals, which a whole amount
 * loses. Exact, because no float is involved.
 */
export function less(total, parts) {
  const [, decimals = ""] = total.split(".");
  const left = [total, ...parts].map((text) => BigInt(text.replace(".", ""))).reduce((sum, part) => sum - part);
  const figures = `${left < 0n ? -left : left}`.padStart(decimals.length + 1, "0");
  const point = figures.length - decimals.length;
  const [whole, part] = [figures.slice(0, point), figures.slice(point)];
  return `${left < 0n ? "-" : ""}${whole}${/[1-9]/.test(part) ? `.${part}` : ""}`;
}

/** The plural form of a message for a number. */
export function plural(forms, count, language) {
  const category = new Intl.PluralRules(language).select(count);
  const place = FORMS.indexOf(category);
  return forms[place in forms ? place : forms.length - 1];
}
