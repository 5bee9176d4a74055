// Recurrent layers of one replicate: Elman's (tanh), GRU and LSTM with PyTorch's gates in PyTorch's order, r z n and
// i f g o. Part of step.cpp. Steps come first inside, so that a step's values of all samples lie together. The
// weights between states are packed once for all steps of a pass; the gradients of all weights are one product each
// over all samples and steps.

constexpr int64_t PANEL = 2 * LANES;

static bool recurs(const Layer &l) { return l.kind == ELMAN || l.kind == GRU || l.kind == LSTM; }

static int64_t gates_of(const Layer &l) { return l.kind == ELMAN ? 1 : l.kind == GRU ? 3 : 4; }

// Values of all gates of a sample.
static int64_t all_gates(const Layer &l) { return gates_of(l) * (l.last ? l.outputs : l.outputs / l.steps); }

static int64_t in_panels(int64_t n) { return (n + PANEL - 1) / PANEL * PANEL; }

// B (depth, n), of any strides, as panels of PANEL columns one after the other, filled up with zeros.
static void pack(int64_t depth, int64_t n, const float *b, int64_t row, int64_t column, float *to) {
  for (int64_t j = 0; j < n; j += PANEL)
    for (int64_t k = 0; k < depth; k++, to += PANEL)
      for (int64_t x = 0; x < PANEL; x++) to[x] = j + x < n ? b[k * row + (j + x) * column] : 0.0f;
}

// C (m, n) = A (m, depth) B for a packed B. C's rows, ``ldc`` apart, have room for whole panels.
static void packed_product(int64_t m, int64_t n, int64_t depth, const float *a, int64_t lda, const float *b, float *c,
                           int64_t ldc) {
  for (int64_t j = 0; j < n; j += PANEL, b += depth * PANEL)
    for (int64_t k = 0; k < depth; k += DEPTH)
      rows_of<2>(m, a + k, lda, 1, b + k * PANEL, PANEL, std::min(DEPTH, depth - k), c + j, ldc, k > 0);
}

// From (m, n) blocks of ``size`` values to (n, m).
static void swap_blocks(int64_t m, int64_t n, int64_t size, const float *from, float *to) {
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) std::memcpy(to + (j * m + i) * size, from + (i * n + j) * size, size * sizeof(float));
}

// ---------------------------------------------------------------------------------------------- one sample, one step

// ``own`` is what the inputs give to the gates and becomes the gates; ``held`` is what the state gives. Biases are in
// both. ``kept``: held's part of a GRU's new state; ``cell``: an LSTM's.
static void elman(int64_t units, float *__restrict own, const float *__restrict held, float *__restrict next) {
  for (int64_t j = 0; j < units; j++) next[j] = own[j] = tangent(own[j] + held[j]);
}

static void gru(int64_t units, float *own, const float *__restrict held, const float *__restrict state,
                float *__restrict kept, float *__restrict next) {
  float *__restrict r = own, *__restrict z = own + units, *__restrict n = own + 2 * units;
  for (int64_t j = 0; j < units; j++) r[j] = sigmoid(r[j] + held[j]);
  for (int64_t j = 0; j < units; j++) z[j] = sigmoid(z[j] + held[units + j]);
  for (int64_t j = 0; j < units; j++) {
    kept[j] = held[2 * units + j];
    n[j] = tangent(n[j] + r[j] * kept[j]);
    next[j] = n[j] + z[j] * (state[j] - n[j]);
  }
}

static void lstm(int64_t units, float *own, const float *__restrict held, const float *__restrict cell,
                 float *__restrict next_cell, float *__restrict next) {
  float *__restrict i = own, *__restrict f = own + units, *__restrict g = own + 2 * units, *__restrict o = own + 3 * units;
  for (int64_t j = 0; j < units; j++) i[j] = sigmoid(i[j] + held[j]);
  for (int64_t j = 0; j < units; j++) f[j] = sigmoid(f[j] + held[units + j]);
  for (int64_t j = 0; j < units; j++) g[j] = tangent(g[j] + held[2 * units + j]);
  for (int64_t j = 0; j < units; j++) o[j] = sigmoid(o[j] + held[3 * units + j]);
  for (int64_t j = 0; j < units; j++) next_cell[j] = f[j] * cell[j] + i[j] * g[j];
  for (int64_t j = 0; j < units; j++) next[j] = o[j] * tangent(next_cell[j]);
}

// ``d`` is the gradient of the next state, and becomes the part of the state's that passes no weights; ``back`` are
// the gradients of what the inputs gave to the gates, ``back_held`` of what the state gave, where those differ.
static void elman_back(int64_t units, const float *__restrict gates, float *__restrict d, float *__restrict back) {
  for (int64_t j = 0; j < units; j++) back[j] = d[j] * (1.0f - gates[j] * gates[j]), d[j] = 0.0f;
}

static void gru_back(int64_t units, const float *__restrict gates, const float *__restrict state,
                     const float *__restrict kept, float *__restrict d, float *back, float *back_held) {
  const float *__restrict z = gates + units, *__restrict n = gates + 2 * units;
  float *__restrict dr = back, *__restrict dz = back + units, *__restrict dn = back + 2 * units;
  float *__restrict held_r = back_held, *__restrict held_z = back_held + units, *__restrict held_n = back_held + 2 * units;
  for (int64_t j = 0; j < units; j++) {
    float r = gates[j];
    dn[j] = d[j] * (1.0f - z[j]) * (1.0f - n[j] * n[j]);
    held_n[j] = dn[j] * r;
    held_z[j] = dz[j] = d[j] * (state[j] - n[j]) * z[j] * (1.0f - z[j]);
    held_r[j] = dr[j] = dn[j] * kept[j] * r * (1.0f - r);
    d[j] *= z[j];
  }
}

// ``dc``: the gradient of the next cell, and becomes the cell's.
static void lstm_back(int64_t units, const float *__restrict gates, const float *__restrict cell,
                      const float *__restrict next_cell, float *__restrict d, float *__restrict dc,
                      float *back) {
  const float *__restrict f = gates + units, *__restrict g = gates + 2 * units, *__restrict o = gates + 3 * units;
  float *__restrict di = back, *__restrict df = back + units;
  float *__restrict dg = back + 2 * units, *__restrict dout = back + 3 * units;
  for (int64_t j = 0; j < units; j++) {
    float i = gates[j], out = tangent(next_cell[j]), all = dc[j] + d[j] * o[j] * (1.0f - out * out);
    dout[j] = d[j] * out * o[j] * (1.0f - o[j]);
    di[j] = all * g[j] * i * (1.0f - i);
    df[j] = all * cell[j] * f[j] * (1.0f - f[j]);
    dg[j] = all * i * (1.0f - g[j] * g[j]);
    dc[j] = all * f[j];
    d[j] = 0.0f;
  }
}

// ---------------------------------------------------------------------------------------------- all steps

// T steps of B samples. In evaluation a step's gates take the place of the last one's.
struct Recurrence {
  int64_t units = 0, wide = 0, line = 0;  // wide: all gates; line: from one sample's gates to the next one's
  bool trains = false;
  float *inputs = nullptr, *gates = nullptr, *held = nullptr;        // (T, B, inputs), (T, B, line), (B, line)
  float *states = nullptr, *cells = nullptr, *kept = nullptr;        // (T + 1, B, units) twice, (T, B, units)
  float *back = nullptr, *back_held = nullptr;                       // (T, B, line) each
  float *packed = nullptr, *packed_inputs = nullptr, *d = nullptr, *dc = nullptr;
  float *gradients[4] = {};                                          // by Part

  template <typename Room>
  Recurrence(const Layer &l, int64_t samples, bool trains, Room room) : trains(trains) {
    if (!recurs(l)) return;
    wide = all_gates(l), units = wide / gates_of(l);
    line = (in_panels(wide) / PANEL | 1) * PANEL;  // odd: no power of two, whose rows share a cache's sets
    int64_t all = samples * l.steps, depth = trains ? all : samples;
    inputs = room(all * l.inputs), gates = room(depth * line), held = room(samples * line);
    states = room((all + samples) * units), kept = room(depth * units);
    cells = room(l.kind == LSTM ? (all + samples) * units : 1);
    packed = room(std::max(in_panels(wide) * units, in_panels(units) * wide));
    packed_inputs = room(in_panels(wide) * l.inputs);
    if (!trains) return;
    back = room(all * line), back_held = l.kind == GRU ? room(all * line) : back;
    d = room(samples * units), dc = room(samples * units);
    const int64_t sizes[] = {l.inputs * wide, wide, units * wide, wide};
    for (int part = 0; part < 4; part++) gradients[part] = room(sizes[part]);
  }

  // x (B, T, inputs) -> y (B, T, units), or (B, units) of the last step.
  void forward(const Layer &l, int64_t samples, const float *x, float *y) {
    int64_t size = samples * units;
    swap_blocks(samples, l.steps, l.inputs, x, inputs);
    pack(units, wide, l.recurrent, wide, 1, packed);
    pack(l.inputs, wide, l.weight, wide, 1, packed_inputs);
    std::fill_n(states, size, 0.0f);
    if (l.kind == LSTM) std::fill_n(cells, size, 0.0f);
    for (int64_t t = 0; t < l.steps; t++) step(l, samples, t);
    if (l.last) std::memcpy(y, states + l.steps * size, size * sizeof(float));
    else swap_blocks(l.steps, samples, units, states + size, y);
  }

  void step(const Layer &l, int64_t samples, int64_t t) {
    float *own = gates + (trains ? t * samples * line : 0), *keeps = kept + (trains ? t * samples * units : 0);
    const float *state = states + t * samples * units, *cell = cells + t * samples * units;
    float *next = states + (t + 1) * samples * units, *next_cell = cells + (t + 1) * samples * units;
    packed_product(samples, wide, l.inputs, inputs + t * samples * l.inputs, l.inputs, packed_inputs, own, line);
    packed_product(samples, wide, units, state, units, packed, held, line);
    for (int64_t b = 0; b < samples; b++) {
      float *gate = own + b * line, *from = held + b * line;
      int64_t at = b * units;
      for (int64_t j = 0; j < wide; j++) gate[j] += l.bias[j];
      for (int64_t j = 0; j < wide; j++) from[j] += l.recurrent_bias[j];
      if (l.kind == ELMAN) elman(units, gate, from, next + at);
      if (l.kind == GRU) gru(units, gate, from, state + at, keeps + at, next + at);
      if (l.kind == LSTM) lstm(units, gate, from, cell + at, next_cell + at, next + at);
    }
  }

  // From the gradient of the outputs to that of the inputs, in its place, unless ``other`` is null.
  void backward(const Layer &l, int64_t samples, float *gradient, float *other, float *spare, float *panel) {
    int64_t all = samples * l.steps, size = samples * units;
    pack(wide, units, l.recurrent, 1, wide, packed);
    std::fill_n(d, size, 0.0f), std::fill_n(dc, size, 0.0f);
    for (int64_t t = l.steps - 1; t >= 0; t--) step_back(l, samples, t, gradient);
    product(l.inputs, wide, all, inputs, 1, l.inputs, back, gradients[WEIGHT], panel, line);
    product(units, wide, all, states, 1, units, back_held, gradients[RECURRENT], panel, line);
    sum_rows(all, back, gradients[BIAS]), sum_rows(all, back_held, gradients[RECURRENT_BIAS]);
    if (!other) return;
    transpose(l.inputs, wide, l.weight, spare);
    product(all, l.inputs, wide, back, line, 1, spare, other, panel);
    swap_blocks(l.steps, samples, l.inputs, other, gradient);
  }

  void step_back(const Layer &l, int64_t samples, int64_t t, const float *gradient) {
    for (int64_t b = 0; b < samples; b++) {
      int64_t at = b * units, row = t * samples + b, next = row + samples;
      const float *gate = gates + row * line, *from = gradient + (l.last ? at : (b * l.steps + t) * units);
      float *to = back + row * line, *own = d + at;
      if (!l.last || t == l.steps - 1)
        for (int64_t j = 0; j < units; j++) own[j] += from[j];
      if (l.kind == ELMAN) elman_back(units, gate, own, to);
      if (l.kind == GRU)
        gru_back(units, gate, states + row * units, kept + row * units, own, to, back_held + row * line);
      if (l.kind == LSTM) lstm_back(units, gate, cells + row * units, cells + next * units, own, dc + at, to);
    }
    if (t == 0) return;
    packed_product(samples, units, wide, back_held + t * samples * line, line, packed, held, line);
    for (int64_t b = 0; b < samples; b++)
      for (int64_t j = 0; j < units; j++) d[b * units + j] += held[b * line + j];
  }

  void sum_rows(int64_t rows, const float *from, float *to) const {
    std::fill_n(to, wide, 0.0f);
    for (int64_t r = 0; r < rows; r++)
      for (int64_t j = 0; j < wide; j++) to[j] += from[r * line + j];
  }
};
