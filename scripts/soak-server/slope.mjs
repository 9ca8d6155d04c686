/** Least squares over `[hours, megabytes]`: megabytes an hour, with its standard error. */
export function slopeOf(points) {
  const count = points.length;
  const meanOf = (index) => points.reduce((sum, point) => sum + point[index], 0) / count;
  const [meanX, meanY] = [meanOf(0), meanOf(1)];
  const spread = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  const slope = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread;
  const rest = points.reduce((sum, [x, y]) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0);
  return { slope, error: Math.sqrt(rest / (count - 2) / spread) };
}
