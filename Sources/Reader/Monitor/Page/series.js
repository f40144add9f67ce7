// The points of a plot: buckets of the archive, its newest samples, and what is published live.
//
// The archive is asked twice at once: for buckets before an edge some seconds ago, and for the
// samples themselves from that edge on. So the newest archived sample of each field is known, and
// of what came live only later samples are added: nothing is shown twice and nothing is left out.

import * as api from "./api.js";

// dygraphs needs 10 ms for bands of 500 points, and 400 ms for 3,600.
const mostPoints = 500;
// Samples that the newest part may have; more would be as slow as above.
const mostTail = 2000;

// Seconds before now that are asked for as samples, if buckets are shorter than that.
const tailSpan = 10;

const numeric = (value) => (typeof value === "boolean" ? Number(value) : typeof value === "number" ? value : null);

// Buckets have whole widths since 1970, so that they stand still while a live range moves on.
function cut(start, end, pixels, isLive) {
  const points = Math.max(20, Math.min(mostPoints, Math.floor(pixels / 2)));
  let width = (end - start) / points;
  // From half a minute on, the reader rounds widths up to whole minutes, and then to whole hours.
  if (width >= 1800) width = Math.ceil(width / 3600) * 3600;
  else if (width >= 30) width = Math.ceil(width / 60) * 60;
  else if (width >= 1) width = Math.ceil(width);
  const first = isLive ? Math.floor(start / width) * width : start;
  const hasTail = isLive && width <= tailSpan;
  const edge = hasTail ? Math.floor((end - tailSpan) / width) * width : end;
  const count = Math.max(1, Math.ceil((edge - first) / width - 1e-6));
  return { first, edge: Math.max(edge, first), end, width, count, hasTail };
}

function bucketPoints(answer, field) {
  const timeline = answer.timeline[field.slice(0, field.lastIndexOf("."))];
  const column = answer.data[field];
  if (!timeline?.end || !column?.mean) return [];
  const points = [];
  timeline.t.forEach((start, index) => {
    const mean = numeric(column.mean[index]);
    if (mean === null) return;
    const [low, high] = [numeric(column.min[index]) ?? mean, numeric(column.max[index]) ?? mean];
    points.push([(start + timeline.end[index]) / 2, low, mean, high]);
  });
  return points;
}

// Where the last bucket with a value ends: what came live before that is in it.
function lastEnd(answer, field) {
  const ends = answer.timeline[field.slice(0, field.lastIndexOf("."))]?.end ?? [];
  const counts = answer.data[field]?.count ?? [];
  for (let index = ends.length - 1; index >= 0; index -= 1) if (counts[index] > 0) return ends[index];
  return -Infinity;
}

function samplePoints(answer, field) {
  const times = answer.timeline[field.slice(0, field.lastIndexOf("."))]?.t ?? [];
  const values = Array.isArray(answer.data[field]) ? answer.data[field] : [];
  const points = [];
  times.forEach((time, index) => {
    const value = numeric(values[index]);
    if (value !== null) points.push([time, value, value, value]);
  });
  return points;
}

const noAnswer = { data: {}, timeline: {}, gaps: [], marks: [], tier: null };

// Asks for fields over a range: {points: {field: [[t, low, mid, high], …]}, …}.
export async function load(fields, start, end, pixels, isLive, signal) {
  const plan = cut(start, end, pixels, isLive);
  const [base, tail] = await Promise.all([
    plan.edge > plan.first
      ? api.data(fields, plan.first, plan.edge, Math.min(plan.count, mostPoints * 2), signal)
      : noAnswer,
    plan.hasTail
      ? api.data(fields, plan.edge, end + 60, null, signal).catch((error) => {
          if (error.code === "query.limit") return noAnswer;
          throw error;
        })
      : noAnswer,
  ]);
  const points = {}, newest = {}, units = {};
  for (const answer of [base, tail]) {
    for (const timeline of Object.values(answer.timeline)) {
      timeline.fields.forEach((field, index) => { units[field] = timeline.units[index]; });
    }
  }
  let count = 0;
  for (const field of fields) {
    const buckets = bucketPoints(base, field);
    const samples = samplePoints(tail, field).slice(-mostTail);
    points[field] = [...buckets, ...samples];
    count += (base.data[field]?.count ?? []).reduce((sum, part) => sum + part, samples.length);
    newest[field] = samples.at(-1)?.[0] ?? lastEnd(base, field);
  }
  const seen = new Set();
  const gaps = [...base.gaps, ...tail.gaps].filter((gap) => {
    const key = JSON.stringify(gap);
    return !seen.has(key) && seen.add(key);
  });
  return { points, newest, samples: count, units, gaps, tier: base.tier ?? tail.tier, width: plan.width, hasTail: plan.hasTail };
}

// The distance of neighbours beyond which a field has a gap: no sample for much longer than usual.
function gapOf(points, width) {
  const distances = [];
  for (let index = 1; index < points.length; index += 1) {
    distances.push(points[index][0] - points[index - 1][0]);
  }
  distances.sort((a, b) => a - b);
  const usual = distances[Math.floor(distances.length * 0.75)] ?? 0;
  return Math.max(1.7 * width, 4 * usual, 3);
}

// One table for the chart: a row a time, for each field [low, mid, high]. Where another field has a
// point and this one none, null (the line goes on); where it has a gap, NaN (the line breaks).
export function table(fields, loaded, live) {
  const rows = new Map();
  const blank = () => fields.map(() => [null, null, null]);
  const put = (time, index, low, mid, high) => {
    let row = rows.get(time);
    if (!row) rows.set(time, (row = blank()));
    row[index] = [low, mid, high];
  };
  fields.forEach((field, index) => {
    const archived = loaded.points[field] ?? [];
    const later = loaded.hasTail
      ? (live.get(field)?.kept ?? [])
          .filter(([time, value]) => time > loaded.newest[field] && numeric(value) !== null)
          .map(([time, value]) => [time, numeric(value), numeric(value), numeric(value)])
      : [];
    const points = [...archived, ...later];
    const gap = gapOf(points, loaded.width);
    points.forEach(([time, low, mid, high], at) => {
      const before = points[at - 1]?.[0];
      if (before !== undefined && time - before > gap) put((before + time) / 2, index, NaN, NaN, NaN);
      put(time, index, low, mid, high);
    });
  });
  return [...rows].sort((a, b) => a[0] - b[0]).map(([time, values]) => [time * 1000, ...values]);
}
