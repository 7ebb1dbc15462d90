// Writes the example's data sets and its prompt. Seeded: the same files every time.
//   node generate.mjs           writes train.jsonl, pairs.jsonl, held-out.jsonl and prompt.txt beside this file
//   node generate.mjs --check   fails if those files are not exactly what it would write
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SEED = 20261125;
const TRAIN_ROWS = 400;
const PAIRS = 160;
const HELD_OUT = { unseenRoom: 12, unseenPair: 24, seenPair: 24 };

/** What people call each device. */
const DEVICES = {
  light: ['light', 'lamp', 'ceiling light'],
  heater: ['heater', 'radiator'],
  fan: ['fan', 'ventilator'],
  speaker: ['speaker', 'stereo'],
  aircon: ['air conditioner', 'AC'],
};

const TRAIN_ROOMS = [
  ...['kitchen', 'bedroom', 'bathroom', 'office', 'hallway'],
  ...['garage', 'living room', 'dining room', 'nursery', 'attic'],
];
const UNSEEN_ROOMS = ['basement', 'library', 'guest room'];

/** Wordings: {d} is the device, {r} the room, {p} the percentage. */
const TRAIN_WORDINGS = {
  on: [
    'Turn on the {d} in the {r}.',
    'Switch the {r} {d} on, please.',
    'Please start the {d} in the {r}.',
    'I need the {d} in the {r} on.',
    'Could you turn the {r} {d} on?',
    'Put the {d} on in the {r}.',
    'The {r} {d} should be running.',
    'Hey, activate the {d} in the {r}.',
    "Let's have the {r} {d} on now.",
    "I'm going to the {r}, get the {d} going.",
    '{r}: {d} on',
    'Would you mind switching on the {d} in the {r}?',
  ],
  off: [
    'Turn off the {d} in the {r}.',
    'Switch the {r} {d} off, please.',
    'Please stop the {d} in the {r}.',
    "I don't need the {d} in the {r} any more.",
    'Could you turn the {r} {d} off?',
    'Kill the {d} in the {r}.',
    'The {r} {d} should not be running.',
    'Hey, deactivate the {d} in the {r}.',
    'No more {d} in the {r}.',
    "I'm leaving the {r}, shut down the {d}.",
    '{r}: {d} off',
    'Would you mind switching off the {d} in the {r}?',
  ],
  set: [
    'Set the {d} in the {r} to {p} percent.',
    'Set the {r} {d} to {p}%.',
    'Please put the {d} in the {r} at {p} percent.',
    'I want the {r} {d} at {p}%.',
    'Could you turn the {d} in the {r} down to {p} percent?',
    'Turn the {r} {d} up to {p} percent.',
    '{p} percent for the {d} in the {r}, please.',
    'Change the {r} {d} to {p}%.',
    'Make the {d} in the {r} run at {p} percent.',
    "Let's have the {r} {d} at {p}%.",
    '{r}: {d} {p}%',
    'The {d} in the {r} is wrong, {p} percent would be right.',
  ],
};
const HELD_OUT_WORDINGS = {
  on: [
    'Can you get the {d} running in the {r}?',
    'It would be nice to have the {d} in the {r} switched on.',
    'Power up the {r} {d}.',
    'Fire up the {d} over in the {r}.',
    'Someone is in the {r}, so the {d} has to be on.',
  ],
  off: [
    'Can you make sure the {d} in the {r} is switched off?',
    'Nobody is in the {r}, so the {d} can go off.',
    'Power down the {r} {d}.',
    'Cut the {d} over in the {r}.',
    'We are done in the {r}, the {d} has to be off.',
  ],
  set: [
    'Can you adjust the {d} in the {r} to {p} percent?',
    'Bring the {r} {d} to {p}%.',
    'How about {p} percent on the {d} in the {r}?',
    'Dial the {d} over in the {r} to {p}%.',
    'We are in the {r}, the {d} has to be at {p} percent.',
  ],
};

const TRAIN_PERCENTS = [10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95, 100];
const UNSEEN_PERCENTS = [12, 18, 23, 34, 37, 42, 48, 56, 63, 68, 72, 77, 84, 91];

/** These pairs of device and room occur in the held-out rows only. */
const isHeldOutPair = (device, room) => (Object.keys(DEVICES).indexOf(device) + TRAIN_ROOMS.indexOf(room)) % 5 === 0;

const INSTRUCTION = `Turn the request into one JSON object and answer with nothing else.
"device": light, heater, fan, speaker or aircon
"room": the room's name in lower case
"action": on, off or set
"percent": a number, only if action is set
Request: `;

/** A small seeded generator of numbers in [0, 1) (mulberry32). */
function seededRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const capitalised = (text) => text[0].toUpperCase() + text.slice(1);

/** One request with its answer. */
function makeItem(pick, { device, room, action, wordings, percents }) {
  const wording = pick(wordings[action]);
  const percent = action === 'set' ? pick(percents) : undefined;
  const request = capitalised(
    wording.replace('{d}', pick(DEVICES[device])).replace('{r}', room).replace('{p}', String(percent)),
  );
  return { request, wording, device, room, action, percent };
}

/** `count` items with different requests; `choosePair` draws device and room, the actions take turns. */
function makeItems(pick, count, choosePair, wordings, percents) {
  const items = new Map();
  while (items.size < count) {
    const action = ['set', 'on', 'off'][items.size % 3];
    const item = makeItem(pick, { ...choosePair(), action, wordings, percents });
    items.set(item.request, item);
  }
  return [...items.values()];
}

const userMessage = (item) => ({ role: 'user', content: INSTRUCTION + item.request });
const answerText = ({ device, room, action, percent }) => JSON.stringify({ device, room, action, percent });

/** What a talkative model says: the right object, with something else around it that no program can read. */
const CHATTER = [
  (answer) => `Sure! Here is the JSON object:\n${answer}`,
  (answer) => `${answer}\nLet me know if there is anything else that I can do for you.`,
  (answer) => `I have understood your request. The object is ${answer}.`,
  (answer) => `\`\`\`json\n${answer}\n\`\`\``,
];

/** A preference pair in the form of OpenAI's files. */
const toPair = (item, index) => ({
  input: { messages: [userMessage(item)] },
  preferred_output: [{ role: 'assistant', content: answerText(item) }],
  non_preferred_output: [{ role: 'assistant', content: CHATTER[index % CHATTER.length](answerText(item)) }],
});

function buildItems() {
  const random = seededRandom(SEED);
  const pick = (list) => list[Math.floor(random() * list.length)];
  const devices = Object.keys(DEVICES);
  const pairs = devices.flatMap((device) => TRAIN_ROOMS.map((room) => ({ device, room })));
  const seen = pairs.filter(({ device, room }) => !isHeldOutPair(device, room));
  const unseen = pairs.filter(({ device, room }) => isHeldOutPair(device, room));
  const unseenRooms = UNSEEN_ROOMS.flatMap((room) => devices.map((device) => ({ device, room })));
  const train = makeItems(pick, TRAIN_ROWS, () => pick(seen), TRAIN_WORDINGS, TRAIN_PERCENTS);
  const heldOut = [
    [HELD_OUT.unseenRoom, unseenRooms],
    [HELD_OUT.unseenPair, unseen],
    [HELD_OUT.seenPair, seen],
  ].flatMap(([count, from]) => makeItems(pick, count, () => pick(from), HELD_OUT_WORDINGS, UNSEEN_PERCENTS));
  return { train, heldOut };
}

/** Fails if anything that is held out can be met in training. */
function assertApart(train, heldOut) {
  const requests = new Set(train.map((item) => item.request.toLowerCase()));
  const wordings = new Set(train.map((item) => item.wording));
  const percents = new Set(train.map((item) => item.percent).filter(Boolean));
  const trainText = JSON.stringify(train);
  const faults = [
    ...heldOut.filter((item) => requests.has(item.request.toLowerCase())).map((item) => `request: ${item.request}`),
    ...heldOut.filter((item) => wordings.has(item.wording)).map((item) => `wording: ${item.wording}`),
    ...heldOut.filter((item) => percents.has(item.percent)).map((item) => `percentage: ${item.percent}`),
    ...UNSEEN_ROOMS.filter((room) => trainText.includes(room)).map((room) => `room: ${room}`),
    ...train
      .filter((item) => isHeldOutPair(item.device, item.room))
      .map((item) => `pair: ${item.device}, ${item.room}`),
  ];
  const distinct = new Set(heldOut.map((item) => item.request));
  if (distinct.size !== heldOut.length) faults.push('a held-out request occurs twice');
  if (faults.length > 0) throw new Error(`held out, but also in training:\n${faults.join('\n')}`);
}

const toJsonLines = (rows) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

const { train, heldOut } = buildItems();
assertApart(train, heldOut);
const files = {
  'prompt.txt': `${INSTRUCTION}{prompt}`,
  'train.jsonl': toJsonLines(
    train.map((item) => ({ messages: [userMessage(item), { role: 'assistant', content: answerText(item) }] })),
  ),
  'pairs.jsonl': toJsonLines(train.slice(0, PAIRS).map(toPair)),
  'held-out.jsonl': toJsonLines(
    heldOut.map((item, index) => ({
      id: `home-${String(index + 1).padStart(2, '0')}`,
      messages: [userMessage(item)],
      expected: answerText(item),
    })),
  ),
};
for (const [name, content] of Object.entries(files)) {
  const path = fileURLToPath(new URL(name, import.meta.url));
  if (!process.argv.includes('--check')) writeFileSync(path, content);
  else if (readFileSync(path, 'utf8') !== content) {
    console.error(
      `${name} is not what generate.mjs writes: run node generate.mjs in ${fileURLToPath(new URL('.', import.meta.url))}`,
    );
    process.exitCode = 1;
  }
}
