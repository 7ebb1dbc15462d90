// The process between a service and a training. It outlives the service, waits for the slot, starts the command,
// and writes down who runs (run.json) and how it ended (exit.json), so that neither is ever lost with the service.
// Plain JavaScript with nothing but Node: it is the same file whether the library runs from its sources or built.
import { spawn } from 'node:child_process';
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { clearInterval, setInterval, setTimeout } from 'node:timers';

/** Comes by standard input, because the environment may hold secrets that belong in no file. */
const order = JSON.parse(readFileSync(0, 'utf8'));
const { directory, identity, mark, slot, attendedSeconds } = order;

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Field 22 of the stat line: with boot and pid it names a process for ever, the pid alone is used again. */
function startTimeOf(pid) {
  const stat = read(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

/** A reader sees the old file or the new one, also after a power cut; `first` fails when there is one already. */
function writeRecord(name, value, { first = false } = {}) {
  const temporary = join(directory, `.${name}.${process.pid}`);
  const file = openSync(temporary, 'w', 0o644);
  try {
    // Unlike a single write, it writes all or fails.
    writeFileSync(file, JSON.stringify(value));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  if (first) {
    try {
      linkSync(temporary, join(directory, name));
    } finally {
      rmSync(temporary, { force: true });
    }
  } else {
    renameSync(temporary, join(directory, name));
  }
  const folder = openSync(directory, 'r');
  fsyncSync(folder);
  closeSync(folder);
}

const run = {
  version: 1,
  identity,
  mark,
  bootId: read('/proc/sys/kernel/random/boot_id').trim(),
  supervisor: { pid: process.pid, startTime: startTimeOf(process.pid) },
  state: 'waiting',
  attendedSeconds,
};

/** Does it again while a disk is full, say: what is to be on record is not lost for that. */
function until(done, seconds, otherwise = () => undefined) {
  try {
    done();
  } catch {
    if (seconds > 0) setTimeout(() => until(done, seconds - 1, otherwise), 1_000);
    else otherwise();
  }
}

function end(record) {
  const ended = { ...record, endedAt: new Date().toISOString() };
  const exit = () => process.exit(0);
  until(
    () => {
      try {
        writeRecord('exit.json', ended, { first: true });
      } catch (error) {
        // Somebody who saw this process dead, and was wrong, has written it; or the folder is gone, with all in it.
        if (error.code !== 'EEXIST' && error.code !== 'ENOENT') throw error;
      }
      exit();
    },
    300,
    exit,
  );
}

// What it says to its log is worth less than the command.
process.stderr.on('error', () => undefined);

let child;
let waiting;
let unattended = false;
// The command has a session of its own and is signalled by itself; what is sent here is handed on. Hang-up and
// interrupt come from the terminal of a service that this process must outlive.
process.on('SIGHUP', () => undefined);
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => {
  if (child?.pid !== undefined) {
    try {
      process.kill(-child.pid, 'SIGTERM');
    } catch {
      // gone already
    }
  } else {
    waiting?.kill('SIGKILL');
    end({ code: null, signal: 'SIGTERM' });
  }
});

// Written once before there is a child: from here on nobody else starts in this folder, and the mark finds the child
// even if this process is killed before it has written the child's pid.
try {
  writeRecord('run.json', run, { first: true });
} catch (error) {
  if (error.code !== 'EEXIST') throw error;
  process.exit(0);
}

/** Ends the command, or the waiting for its slot, when nobody has attended to it for as long as was allowed last. */
function watchAttention() {
  const file = join(directory, 'attended');
  let seen;
  // Time that passed and not the time of day: a clock that is set must not kill a training.
  let since = performance.now();
  const look = setInterval(() => {
    let changed;
    try {
      changed = statSync(file).mtimeMs;
    } catch {
      // nobody has attended yet
    }
    if (changed !== seen) since = performance.now();
    seen = changed;
    const allowed = Number(read(file)) || attendedSeconds;
    if (performance.now() - since < allowed * 1000) return;
    clearInterval(look);
    const reason = `nobody attended to ${order.command} for ${allowed} s, so it is ended: another host may go on with its job\n`;
    process.stderr.write(reason);
    waiting?.kill('SIGKILL');
    if (child?.pid === undefined) return end({ code: null, signal: 'SIGKILL', unattended: true });
    unattended = true;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // gone already
    }
  }, 500);
}

function start(locks) {
  const stdout = openSync(join(directory, 'stdout.log'), 'a');
  const stderr = openSync(join(directory, 'stderr.log'), 'a');
  // The last lock is standard input and descriptor 3: Python's Popen closes all from 3 up in its children but hands on
  // standard input, and a lock is free only when the last copy of its descriptor is closed. Reading it gives its end.
  const stdio = [locks.at(-1) ?? 'ignore', stdout, stderr, ...locks.toReversed()];
  const env = { ...order.env, ANNEAL_PROCESS: mark };
  const failed = (error) => {
    process.stderr.write(`could not start ${order.command} in ${order.cwd}: ${error.message}\n`);
    end({ code: error.code === 'ENOENT' ? 127 : 126, signal: null });
  };
  try {
    child = spawn(order.command, order.args, { cwd: order.cwd, env, stdio, detached: true });
  } catch (error) {
    // Arguments that are too long, or no memory: said at once, unlike the others.
    return failed(error);
  }
  child.on('error', failed);
  if (child.pid === undefined) return;
  const { pid } = child;
  const running = { ...run, state: 'running', pid, startTime: startTimeOf(pid), pgid: pid };
  until(() => writeRecord('run.json', running), 300);
  child.on('exit', (code, signal) => end({ code, signal, ...(unattended ? { unattended } : {}) }));
}

/** Takes the lock of each file, one after the other, and hands all of them on. */
function lockAll([file, ...others], locks, then) {
  if (file === undefined) return then(locks);
  mkdirSync(dirname(file), { recursive: true });
  // Locked by the tool, held by this description, which stays open here and in all that the command starts.
  const lock = openSync(file, 'a+');
  waiting = spawn('flock', ['--exclusive', '3'], { stdio: ['ignore', 'ignore', 'inherit', lock] });
  waiting.on('error', (error) => {
    // EACCES: not found either, and a folder of the PATH may not be read.
    if (error.code !== 'ENOENT' && error.code !== 'EACCES') return end({ code: 126, signal: null });
    closeSync(lock);
    run.warning = 'flock (util-linux) is not on this machine: the slot is not locked';
    then([]);
  });
  waiting.on('exit', (code) => {
    waiting = undefined;
    if (code === 0) lockAll(others, [...locks, lock], then);
    else end({ code: 126, signal: null });
  });
}

/**
 * Only one lock reaches all that the command starts. With several slots that is one of this folder, and a guard holds the
 * slots until it is free: a process of its own, since this one and the command may be killed before their workers end.
 */
function startGuarded(locks, held) {
  start(locks);
  if (locks.length === 0 || child?.pid === undefined) return;
  const guard = spawn('flock', ['--exclusive', held, 'true'], {
    stdio: ['ignore', 'ignore', 'ignore', ...locks.slice(0, -1)],
    detached: true,
  });
  guard.on('error', () => undefined);
  guard.unref();
}

// Everybody takes them in the same order, so that no two wait for each other.
const slots = [slot ?? []].flat().toSorted();
if (attendedSeconds !== undefined) watchAttention();
if (slots.length < 2) {
  lockAll(slots, [], start);
} else {
  const held = join(directory, `held-${mark}.lock`);
  lockAll([...slots, held], [], (locks) => startGuarded(locks, held));
}
