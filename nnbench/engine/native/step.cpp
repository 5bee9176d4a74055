// Training steps of one replicate of a dense or recurrent network: forward, backward, update, step after step, in the cache
// of one core. The functions below are called through ctypes; ``program.py`` declares the same structures and
// makes them of a stack of layers. Matrices are row by row. No step allocates, and nothing depends on other
// replicates or on the number of threads, so neither do the bits of a result.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <numeric>
#include <vector>

#if defined(__AVX512F__)
constexpr int LANES = 16, ROWS = 8;
#elif defined(__AVX__)
constexpr int LANES = 8, ROWS = 4;
#else
constexpr int LANES = 4, ROWS = 4;
#endif
// A batch is sparse if at most one in SPARSE of its inputs is not 0, and the products that this saves are WIDE.
constexpr int64_t SPARSE = 3, WIDE = 4 * LANES;
constexpr int64_t FIRST = 64;  // samples after which a bank is taken for what it has been so far
constexpr int64_t DEPTH = 192;  // rows of a panel of 2 * LANES columns that stay in the first-level cache
using Vec = float __attribute__((vector_size(LANES * sizeof(float))));

enum Kind : int32_t {
  LINEAR, RELU, SIGMOID, TANH, LEAKY_RELU, ELU, GELU, SILU, DROPOUT, NORM, SKIP, JOIN, STEPS, ELMAN, GRU, LSTM
};
enum Part : int32_t { WEIGHT, BIAS, RECURRENT, RECURRENT_BIAS };
enum Loss : int32_t { CROSS_ENTROPY, BRIER, HINGE, MSE, MAE, HUBER };
enum Optimizer : int32_t { ADAM, SGD, RMSPROP };

struct Layer {
  int32_t kind, inputs, outputs, partner;  // partner: a JOIN's SKIP
  float number, momentum;                  // slope, alpha, or epsilon; 65536 p of dropout
  float *weight, *bias;                    // (inputs, outputs), (outputs); a norm's scale and shift
  float *mean, *variance;                  // a norm's running statistics
  float *recurrent, *recurrent_bias;       // a recurrent layer's: (units, gates * units), (gates * units)
  int32_t steps, last;                     // its steps, each of ``inputs`` values; whether it gives the last state alone
};

struct Tensor {  // a trainable one, with what the optimiser remembers of it
  float *value, *first, *second;
  int64_t size;
  int32_t layer, part, penalised;  // its layer; what it is there; whether penalties count it
};

struct Work {
  const Layer *layers;
  const Tensor *tensors;
  int32_t layer_count, tensor_count, loss, optimizer;
  float loss_number, momentum, l1, l2;     // loss_number: how much labels are smoothed, or Huber's delta
  const float *inputs, *shift, *factor;  // (N, width); a replicate's normalisation
  const int64_t *starts;                 // of each sample's inputs other than 0, (N + 1); or null
  const int32_t *columns;                // of these inputs
  const float *nonzeros;                 // these inputs
  int64_t width, stride;                 // stride: 1 if each feature has its own shift and factor, else 0
  const int64_t *rows, *sizes, *labels;  // rows of all steps; samples of each step; classes by row
  const float *targets;                  // numbers by row
  const double *lrs;                     // one per step
  int64_t steps, done;                   // steps to do; steps done before
  const int16_t *bits;                   // random, for dropout
  float *loss_sum;                       // sum over samples
};

// ---------------------------------------------------------------------------------------------- products

static inline Vec loaded(const float *from) {
  Vec values;
  std::memcpy(&values, from, sizeof values);
  return values;
}

static inline void store(Vec values, float *to) { std::memcpy(to, &values, sizeof values); }

// Rows of C (MR x NV vectors) = A B, + C if ``add``. A has any strides, B's columns are contiguous.
template <int MR, int NV>
static inline void tile(const float *a, int64_t row, int64_t column, const float *b, int64_t ldb, int64_t depth,
                        float *c, int64_t ldc, bool add) {
  Vec sum[MR][NV];
  for (int i = 0; i < MR; i++)
    for (int j = 0; j < NV; j++) sum[i][j] = add ? loaded(c + i * ldc + j * LANES) : Vec{};
  for (int64_t k = 0; k < depth; k++) {
    Vec own[NV];
    for (int j = 0; j < NV; j++) own[j] = loaded(b + k * ldb + j * LANES);
    for (int i = 0; i < MR; i++)
      for (int j = 0; j < NV; j++) sum[i][j] += a[i * row + k * column] * own[j];
  }
  for (int i = 0; i < MR; i++)
    for (int j = 0; j < NV; j++) store(sum[i][j], c + i * ldc + j * LANES);
}

template <int NV, int MR = ROWS>
static void rows_of(int64_t m, const float *a, int64_t row, int64_t column, const float *b, int64_t ldb,
                    int64_t depth, float *c, int64_t ldc, bool add) {
  for (; m >= MR; m -= MR, a += MR * row, c += MR * ldc) tile<MR, NV>(a, row, column, b, ldb, depth, c, ldc, add);
  if constexpr (MR > 1) rows_of<NV, MR / 2>(m, a, row, column, b, ldb, depth, c, ldc, add);
}

// The last columns of B (depth, n), fewer than a vector, as a panel (depth, LANES).
static void last_columns(int64_t n, int64_t depth, const float *b, int64_t ldb, float *panel) {
  int64_t end = n / LANES * LANES;
  std::memset(panel, 0, depth * LANES * sizeof(float));
  for (int64_t k = 0; k < depth; k++)
    for (int64_t j = end; j < n; j++) panel[k * LANES + j - end] = b[k * ldb + j];
}

// C (m, n) = A (m, depth) B (depth, n). The last columns, fewer than a vector, come first: what their vectors
// write beyond a row's end is overwritten by the next row or the next panel. C needs LANES floats of room
// behind its end, and ``panel`` room for depth * LANES. B's rows lie ``ldb`` apart; 0: n.
static void product(int64_t m, int64_t n, int64_t depth, const float *a, int64_t row, int64_t column, const float *b,
                    float *c, float *panel, int64_t ldb = 0) {
  ldb = ldb ? ldb : n;
  int64_t end = n / LANES * LANES;
  if (end < n) {
    last_columns(n, depth, b, ldb, panel);
    rows_of<1>(m, a, row, column, panel, LANES, depth, c + end, n, false);
  }
  for (int64_t j = 0; j < end;) {
    bool two = j + 2 * LANES <= end;
    for (int64_t k = 0; k < depth; k += DEPTH) {
      int64_t part = depth - k < DEPTH ? depth - k : DEPTH;
      (two ? rows_of<2> : rows_of<1>)(m, a + k * column, row, column, b + k * ldb + j, ldb, part, c + j, n, k > 0);
    }
    j += two ? 2 * LANES : LANES;
  }
}

struct Sparse {  // a matrix by rows: row r has the entries starts[r] to starts[r + 1]
  std::vector<int64_t> starts;
  std::vector<int32_t> columns;
  std::vector<float> values;
  Sparse(int64_t rows, int64_t entries) : starts(rows + 1), columns(entries), values(entries) {}
};

template <int NV>
static void sparse_columns(int64_t m, const Sparse &a, const float *b, int64_t ldb, const float *scale, int64_t step,
                           const float *base, float *c, int64_t ldc) {
  for (int64_t r = 0; r < m; r++, c += ldc) {
    Vec sum[NV];
    for (int j = 0; j < NV; j++) sum[j] = scale[r * step] * loaded(base + j * LANES);
    for (int64_t e = a.starts[r]; e < a.starts[r + 1]; e++)
      for (int j = 0; j < NV; j++) sum[j] += a.values[e] * loaded(b + a.columns[e] * ldb + j * LANES);
    for (int j = 0; j < NV; j++) store(sum[j], c + j * LANES);
  }
}

// C (m, n) = scale (m) base (n) + A (m, depth) B (depth, n), with room as for ``product``, and LANES behind ``base``.
// ``step``: 0 if all rows have one scale, else 1.
static void sparse_product(int64_t m, int64_t n, int64_t depth, const Sparse &a, const float *b, const float *scale,
                           int64_t step, const float *base, float *c, float *panel) {
  int64_t end = n / LANES * LANES;
  if (end < n) {
    last_columns(n, depth, b, n, panel);
    sparse_columns<1>(m, a, panel, LANES, scale, step, base + end, c + end, n);
  }
  for (int64_t j = 0; j < end;) {
    int64_t left = (end - j) / LANES, wide = left >= 8 ? 8 : left >= 4 ? 4 : 1;
    (wide == 8 ? sparse_columns<8> : wide == 4 ? sparse_columns<4> : sparse_columns<1>)(
        m, a, b + j, n, scale, step, base + j, c + j, n);
    j += wide * LANES;
  }
}

static void transpose(int64_t m, int64_t n, const float *from, float *to) {
  constexpr int64_t BLOCK = 16;
  for (int64_t i = 0; i < m; i += BLOCK)
    for (int64_t j = 0; j < n; j += BLOCK)
      for (int64_t y = j; y < n && y < j + BLOCK; y++)
        for (int64_t x = i; x < m && x < i + BLOCK; x++) to[y * m + x] = from[x * n + y];
}

// ---------------------------------------------------------------------------------------------- functions

// e^x within two units in the last place, without branches, so that compilers use vectors (after Cephes).
static inline float exponential(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  float n = std::nearbyint(x * 1.44269504f);
  float r = x - n * 0.693359375f + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  int32_t bits = ((int32_t)n + 127) << 23;
  float scale;
  std::memcpy(&scale, &bits, sizeof scale);
  return (p * r * r + r + 1.0f) * scale;
}

static inline float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

static inline float tangent(float x) {
  float size = std::fabs(x), square = x * x, e = exponential(-2.0f * size);
  float p = -5.70498872745e-3f;
  p = p * square + 2.06390887954e-2f;
  p = p * square - 5.37397155531e-2f;
  p = p * square + 1.33314422036e-1f;
  p = p * square - 3.33332819422e-1f;
  return size < 0.625f ? p * square * x + x : std::copysign((1.0f - e) / (1.0f + e), x);
}

// Within 3e-7, and without the branches of ``std::erf`` (Abramowitz & Stegun 1964, 7.1.26).
static inline float normal_cdf(float x) {
  float t = 1.0f / (1.0f + 0.3275911f * 0.70710678f * std::fabs(x));
  float p = 1.061405429f;
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  float tail = 0.5f * p * t * exponential(-0.5f * x * x);
  return x < 0.0f ? tail : 1.0f - tail;
}

// One row per activation: y of x, and dy/dx of x and y. NaN passes, so that divergence is seen.
#define ACTIVATIONS(ROW)                                                                                           \
  ROW(RELU, x < 0.0f ? 0.0f : x, y <= 0.0f ? 0.0f : 1.0f)                                                          \
  ROW(LEAKY_RELU, x > 0.0f ? x : x * number, x > 0.0f ? 1.0f : number)                                             \
  ROW(SIGMOID, sigmoid(x), y * (1.0f - y))                                                                         \
  ROW(TANH, tangent(x), 1.0f - y * y)                                                                              \
  ROW(ELU, x > 0.0f ? x : number * (exponential(x) - 1.0f), x > 0.0f ? 1.0f : y + number)                          \
  ROW(SILU, x * sigmoid(x), sigmoid(x) * (1.0f + x * (1.0f - sigmoid(x))))                                         \
  ROW(GELU, x *normal_cdf(x), normal_cdf(x) + x * 0.39894228f * exponential(-0.5f * x * x))

#define VALUE(KIND, Y, SLOPE)                                                                                      \
  case KIND:                                                                                                       \
    for (int64_t i = 0; i < size; i++) { float x = from[i]; to[i] = Y; }                                           \
    break;
#define GRADIENT(KIND, Y, SLOPE)                                                                                   \
  case KIND:                                                                                                       \
    for (int64_t i = 0; i < size; i++) { float x = from[i], y = to[i]; gradient[i] *= (void(x), void(y), SLOPE); } \
    break;

static void activate(const Layer &layer, int64_t size, const float *from, float *to) {
  const float number = layer.number;
  switch (layer.kind) { ACTIVATIONS(VALUE) }
}

static void activate_back(const Layer &layer, int64_t size, const float *from, const float *to, float *gradient) {
  const float number = layer.number;
  switch (layer.kind) { ACTIVATIONS(GRADIENT) }
}

#include "recurrent.hpp"

// ---------------------------------------------------------------------------------------------- network

struct Aligned {
  void operator()(float *memory) const { ::operator delete[](memory, std::align_val_t{64}); }
};

struct Network {
  const Work &work;
  std::vector<std::unique_ptr<float[], Aligned>> memory;
  std::vector<float *> values;  // the inputs, and each layer's output
  std::vector<float *> weights, biases;  // gradients, by layer
  std::vector<float *> kept;  // by layer: a norm's inputs in standard deviations, a SKIP's gradient
  std::vector<float *> deviations;  // by layer: 1 / sqrt(variance + epsilon) of a norm
  std::vector<Recurrence> recurrences;  // by layer; empty for others
  std::vector<const int16_t *> masks;  // by layer
  float *gradient;  // of the loss with respect to the current layer's output
  float *other, *spare, *panel;
  const int16_t *bits;
  bool training;
  int first = 0;  // layer that learns
  // Inputs that are mostly 0, as digits on black are, if the first layer is dense and wide: they are what 0 becomes when
  // normalised, ``origin``, and ``by_sample`` (samples, width) on top; ``by_feature`` is its transpose.
  bool sparse = false;
  std::vector<float> origin;
  Sparse by_sample, by_feature;
  std::vector<int64_t> ends;  // of the rows of ``by_feature`` while it is filled

  Network(const Work &w, int64_t samples, bool trains)
      : work(w), masks(w.layer_count), bits(w.bits), training(trains), by_sample(samples, entries(samples)),
        by_feature(w.width, trains ? entries(samples) : 0), ends(w.width) {
    int64_t widest = w.width, largest = 0, deepest = samples;
    for (int64_t j = 0; j < (w.stride ? w.width : 1); j++) origin.push_back(-w.shift[j] * w.factor[j]);
    values.push_back(room(samples * w.width));
    for (int i = 0; i < w.layer_count; i++) {
      const Layer &l = w.layers[i];
      int64_t size = l.kind == LINEAR ? (int64_t)l.inputs * l.outputs : l.outputs;
      recurrences.emplace_back(l, samples, trains, [this](int64_t values) { return room(values); });
      if (recurs(l)) size = l.inputs * all_gates(l), deepest = std::max({deepest, samples * l.steps, all_gates(l)});
      widest = std::max<int64_t>(widest, l.outputs), largest = std::max(largest, size);
      bool keeps = trains && (l.kind == NORM || l.kind == SKIP), learns = trains && (l.kind == NORM || l.kind == LINEAR);
      values.push_back(room(samples * l.outputs));
      kept.push_back(keeps ? room(samples * l.outputs) : nullptr);
      weights.push_back(learns ? room(size) : nullptr);
      biases.push_back(learns ? room(l.outputs) : nullptr);
      deviations.push_back(l.kind == NORM ? room(l.outputs) : nullptr);
    }
    while (first < w.layer_count && !learns(w.layers[first])) first++;
    gradient = room(samples * widest), other = room(samples * widest), spare = room(std::max(largest, samples * widest));
    panel = room(std::max(widest, deepest) * LANES);
  }

  static bool learns(const Layer &l) { return l.kind == LINEAR || l.kind == NORM || recurs(l); }

  float *room(int64_t size) {
    int64_t bytes = (size + 2 * LANES) * sizeof(float);
    memory.emplace_back(static_cast<float *>(::operator new[](bytes, std::align_val_t{64})));
    return memory.back().get();
  }

  // Inputs other than 0 that a sparse batch has at most.
  int64_t entries(int64_t samples) const {
    bool saves = work.starts && work.layers[0].kind == LINEAR && work.layers[0].outputs >= WIDE;
    return saves ? samples * work.width / SPARSE : 0;
  }

  // Whether the batch is sparse; then ``by_sample`` holds it.
  bool gather_sparse(int64_t samples, const int64_t *rows) {
    const Work &w = work;
    int64_t count = 0, most = entries(samples);
    for (int64_t i = 0; most && i < samples; i++) {
      int64_t from = w.starts[rows[i]], size = w.starts[rows[i] + 1] - from;
      if (count + size > most) return false;
      int32_t *columns = by_sample.columns.data() + count;
      float *values = by_sample.values.data() + count;
      std::copy_n(w.columns + from, size, columns);
      if (w.stride)
        for (int64_t e = 0; e < size; e++) values[e] = w.nonzeros[from + e] * w.factor[columns[e]];
      else
        for (int64_t e = 0; e < size; e++) values[e] = w.nonzeros[from + e] * *w.factor;
      by_sample.starts[i + 1] = count += size;
    }
    return most;
  }

  void transpose_sparse(int64_t samples) {
    const Sparse &from = by_sample;
    Sparse &to = by_feature;
    std::fill(to.starts.begin(), to.starts.end(), 0);
    for (int64_t e = 0; e < from.starts[samples]; e++) to.starts[from.columns[e] + 1]++;
    std::partial_sum(to.starts.begin(), to.starts.end(), to.starts.begin());
    std::copy(to.starts.begin(), to.starts.end() - 1, ends.begin());
    for (int32_t i = 0; i < samples; i++)
      for (int64_t e = from.starts[i]; e < from.starts[i + 1]; e++) {
        int64_t place = ends[from.columns[e]]++;
        to.columns[place] = i, to.values[place] = from.values[e];
      }
  }

  void gather(int64_t samples, const int64_t *rows) {
    const Work &w = work;
    sparse = gather_sparse(samples, rows);
    if (sparse) return;
    for (int64_t i = 0; i < samples; i++) {
      const float *from = w.inputs + rows[i] * w.width;
      float *to = values[0] + i * w.width;
      if (w.stride)
        for (int64_t j = 0; j < w.width; j++) to[j] = (from[j] - w.shift[j]) * w.factor[j];
      else
        for (int64_t j = 0; j < w.width; j++) to[j] = (from[j] - *w.shift) * *w.factor;
    }
  }

  void forward(int64_t samples) {
    for (int i = 0; i < work.layer_count; i++) {
      const Layer &l = work.layers[i];
      const float *x = values[i];
      float *y = values[i + 1];
      int64_t size = samples * l.outputs;
      switch (l.kind) {
        case LINEAR:
          if (sparse && i == 0) {
            const float one = 1.0f;
            product(1, l.outputs, l.inputs, origin.data(), 0, work.stride, l.weight, spare, panel);
            for (int32_t j = 0; l.bias && j < l.outputs; j++) spare[j] += l.bias[j];
            sparse_product(samples, l.outputs, l.inputs, by_sample, l.weight, &one, 0, spare, y, panel);
            break;
          }
          product(samples, l.outputs, l.inputs, x, l.inputs, 1, l.weight, y, panel);
          for (int64_t r = 0; l.bias && r < samples; r++)
            for (int32_t j = 0; j < l.outputs; j++) y[r * l.outputs + j] += l.bias[j];
          break;
        case NORM: normalise(i, samples, x, y); break;
        case DROPOUT: drop(i, size, x, y); break;
        case SKIP: std::memcpy(y, x, size * sizeof(float)); break;
        case STEPS:  // the first layer: its inputs are the channels
          for (int64_t b = 0, size = l.outputs; b < samples; b++)
            swap_blocks(l.inputs, l.steps, size / l.inputs / l.steps, x + b * size, y + b * size);
          break;
        case ELMAN: case GRU: case LSTM: recurrences[i].forward(l, samples, x, y); break;
        case JOIN:
          for (int64_t j = 0; j < size; j++) y[j] = values[l.partner][j] + x[j];
          break;
        default: activate(l, size, x, y);
      }
    }
  }

  // Gradients of all weights, from ``gradient``, that of the loss with respect to the outputs.
  void backward(int64_t samples) {
    for (int i = work.layer_count - 1; i >= first; i--) {
      const Layer &l = work.layers[i];
      int64_t size = samples * l.outputs;
      switch (l.kind) {
        case LINEAR: linear_back(i, samples); break;
        case NORM: normalise_back(i, samples); break;
        case ELMAN: case GRU: case LSTM:
          recurrences[i].backward(l, samples, gradient, i == first ? nullptr : other, spare, panel);
          break;
        case DROPOUT: drop(i, size, gradient, gradient, true); break;
        case JOIN: std::memcpy(kept[l.partner], gradient, size * sizeof(float)); break;
        case SKIP:
          for (int64_t j = 0; j < size; j++) gradient[j] += kept[i][j];
          break;
        default: activate_back(l, size, values[i], values[i + 1], gradient);
      }
    }
  }

  // The gradient of a trainable tensor.
  const float *gradient_of(const Tensor &t) const {
    const Recurrence &r = recurrences[t.layer];
    if (recurs(work.layers[t.layer])) return r.gradients[t.part];
    return (t.part == BIAS ? biases : weights)[t.layer];
  }

  void linear_back(int i, int64_t samples) {
    const Layer &l = work.layers[i];
    int64_t in = l.inputs, out = l.outputs;
    std::fill_n(biases[i], out, 0.0f);
    for (int64_t r = 0; r < samples; r++)
      for (int64_t j = 0; j < out; j++) biases[i][j] += gradient[r * out + j];
    if (sparse && i == 0) {
      transpose_sparse(samples);
      sparse_product(in, out, samples, by_feature, gradient, origin.data(), work.stride, biases[i], weights[i], panel);
      return;
    }
    product(in, out, samples, values[i], 1, in, gradient, weights[i], panel);
    if (i == first) return;
    if (in * out <= samples * (in + out)) {  // the smaller of the weights and the activations is transposed
      transpose(in, out, l.weight, spare);
      product(samples, in, out, gradient, out, 1, spare, other, panel);
      std::swap(gradient, other);
    } else {
      transpose(samples, out, gradient, spare);
      product(in, samples, out, l.weight, out, 1, spare, other, panel);
      transpose(in, samples, other, gradient);
    }
  }

  // Ioffe & Szegedy (2015); in training of two samples or more.
  void normalise(int i, int64_t samples, const float *x, float *y) {
    const Layer &l = work.layers[i];
    int64_t width = l.outputs;
    float *deviation = deviations[i], *mean = other, *variance = spare;
    if (training) {
      std::fill_n(mean, width, 0.0f), std::fill_n(variance, width, 0.0f);
      for (int64_t r = 0; r < samples; r++)
        for (int64_t j = 0; j < width; j++) mean[j] += x[r * width + j];
      for (int64_t j = 0; j < width; j++) mean[j] /= samples;
      for (int64_t r = 0; r < samples; r++)
        for (int64_t j = 0; j < width; j++) {
          float off = x[r * width + j] - mean[j];
          variance[j] += off * off;
        }
      for (int64_t j = 0; j < width; j++) {
        l.mean[j] += l.momentum * (mean[j] - l.mean[j]);
        l.variance[j] += l.momentum * (variance[j] / (samples - 1) - l.variance[j]);
        variance[j] /= samples;
      }
    } else {
      mean = l.mean, variance = l.variance;
    }
    for (int64_t j = 0; j < width; j++) deviation[j] = 1.0f / std::sqrt(variance[j] + l.number);
    float *scaled = training ? kept[i] : y;
    for (int64_t r = 0; r < samples; r++)
      for (int64_t j = 0; j < width; j++) scaled[r * width + j] = (x[r * width + j] - mean[j]) * deviation[j];
    for (int64_t r = 0; r < samples; r++)
      for (int64_t j = 0; j < width; j++) y[r * width + j] = scaled[r * width + j] * l.weight[j] + l.bias[j];
  }

  void normalise_back(int i, int64_t samples) {
    const Layer &l = work.layers[i];
    int64_t width = l.outputs;
    float *scale = weights[i], *shift = biases[i];
    std::fill_n(scale, width, 0.0f), std::fill_n(shift, width, 0.0f);
    for (int64_t r = 0; r < samples; r++)
      for (int64_t j = 0; j < width; j++) {
        scale[j] += gradient[r * width + j] * kept[i][r * width + j];
        shift[j] += gradient[r * width + j];
      }
    float each = 1.0f / samples;
    for (int64_t r = 0; r < samples; r++)
      for (int64_t j = 0; j < width; j++) {
        float &g = gradient[r * width + j];
        g = l.weight[j] * deviations[i][j] * (g - each * (shift[j] + kept[i][r * width + j] * scale[j]));
      }
  }

  // Inverted dropout as ``SeededDropout``: 16 random bits a unit.
  void drop(int i, int64_t size, const float *from, float *to, bool back = false) {
    const Layer &l = work.layers[i];
    if (!training) { std::memcpy(to, from, size * sizeof(float)); return; }
    if (!back) masks[i] = bits, bits += (size + 3) / 4 * 4;
    const int16_t *mask = masks[i];
    int32_t dropped = (int32_t)l.number - 32768;
    float scale = 65536.0f / (65536.0f - l.number);
    for (int64_t j = 0; j < size; j++) to[j] = from[j] * (mask[j] >= dropped ? 1.0f : 0.0f) * scale;
  }
};

// ---------------------------------------------------------------------------------------------- losses

// Crammer & Singer (2001) for one sample, from logits z; ties share the gradient of the maximum, as in PyTorch.
static float hinge(int32_t classes, int64_t label, const float *z, float *gradient) {
  float other = -INFINITY, ties = 0.0f;
  for (int32_t c = 0; c < classes; c++)
    if (c != label) other = z[c] <= other ? other : z[c];  // NaN passes
  float loss = 1.0f - z[label] + other, on = loss < 0.0f ? 0.0f : 1.0f;
  for (int32_t c = 0; c < classes; c++) ties += c != label && z[c] == other;
  for (int32_t c = 0; c < classes; c++) gradient[c] = c == label ? -on : z[c] == other ? on / ties : 0.0f;
  return loss * on;
}

// Squared error of the probabilities p of one sample, which ``gradient`` holds.
static float brier(int32_t classes, int64_t label, float *gradient) {
  float weighted = 0.0f, loss = 0.0f, scale = 1.0f / classes;
  auto error = [&](int32_t c) { return gradient[c] - (c == label ? 1.0f : 0.0f); };
  for (int32_t c = 0; c < classes; c++) loss += error(c) * error(c), weighted += error(c) * gradient[c];
  for (int32_t c = 0; c < classes; c++) gradient[c] *= 2.0f * scale * (error(c) - weighted);
  return loss * scale;
}

// Cross-entropy with labels of which ``rest`` goes to each class, minus its lowest possible value.
static float cross_entropy(int32_t classes, int64_t label, const float *z, float logarithm, float rest, float *gradient) {
  float own = 1.0f - rest * classes, loss = own * (logarithm - z[label]), top = own + rest;
  for (int32_t c = 0; rest > 0.0f && c < classes; c++) loss += rest * (logarithm - z[c]);
  if (rest > 0.0f) loss += top * std::log(top) + (classes - 1) * rest * std::log(rest);
  for (int32_t c = 0; c < classes; c++) gradient[c] -= rest;
  gradient[label] -= own;
  return loss;
}

// Mean loss of logits, with its gradient; ``z`` is room for as many. See ``objectives.py``.
static float classes_loss(const Work &w, int64_t samples, int32_t classes, const float *logits, const int64_t *labels,
                          float *gradient, float *z) {
  double total = 0.0;
  for (int64_t r = 0; r < samples; r++) {
    float highest = *std::max_element(logits + r * classes, logits + (r + 1) * classes);
    for (int32_t c = 0; c < classes; c++) z[r * classes + c] = logits[r * classes + c] - highest;
  }
  for (int64_t i = 0; i < samples * classes; i++) gradient[i] = exponential(z[i]);
  for (int64_t r = 0; r < samples; r++, z += classes, gradient += classes) {
    float sum = std::accumulate(gradient, gradient + classes, 0.0f), each = 1.0f / samples;
    for (int32_t c = 0; c < classes; c++) gradient[c] /= sum;
    total += w.loss == HINGE ? hinge(classes, labels[r], z, gradient)
             : w.loss == BRIER ? brier(classes, labels[r], gradient)
                               : cross_entropy(classes, labels[r], z, std::log(sum), w.loss_number / classes, gradient);
    for (int32_t c = 0; c < classes; c++) gradient[c] *= each;
  }
  return (float)(total / samples);
}

static float numbers_loss(const Work &w, int64_t samples, const float *outputs, const float *targets, float *gradient) {
  double total = 0.0;
  float each = 1.0f / samples, delta = w.loss_number;
  for (int64_t r = 0; r < samples; r++) {
    float error = outputs[r] - targets[r], size = std::fabs(error);
    float sign = error != error ? error : (float)((error > 0.0f) - (error < 0.0f));
    bool square = w.loss == MSE || (w.loss == HUBER && size < delta);
    float half = w.loss == MSE ? 1.0f : 0.5f;
    total += square ? half * error * error : w.loss == MAE ? size : delta * (size - 0.5f * delta);
    gradient[r] = each * (square ? 2.0f * half * error : w.loss == MAE ? sign : delta * sign);
  }
  return (float)(total / samples);
}

// ---------------------------------------------------------------------------------------------- optimisers

// As in ``optim.py``; ``step`` counts from 1.
static void update(const Work &w, const Tensor &t, const float *__restrict gradient, double lr, int64_t step) {
  float *__restrict value = t.value, *__restrict first = t.first, *__restrict second = t.second;
  float l1 = t.penalised ? w.l1 : 0.0f, l2 = t.penalised ? 2.0f * w.l2 : 0.0f, momentum = w.momentum, rate = (float)lr;
  double correction = std::sqrt(1.0 - std::pow(0.999, step));  // of Adam's second moment, out of the loop
  float size = (float)(lr * correction / (1.0 - std::pow(0.9, step))), epsilon = (float)(1e-7 * correction);
#define EACH(UPDATE)                                                                                                 for (int64_t i = 0; i < t.size; i++) {                                                                               float p = value[i], sign = p > 0.0f ? 1.0f : p < 0.0f ? -1.0f : 0.0f, g = gradient[i] + l1 * sign + l2 * p;        UPDATE;                                                                                                          }
  switch (w.optimizer) {
    case ADAM:
      EACH(first[i] += 0.1f * (g - first[i]); second[i] = 0.999f * second[i] + 0.001f * g * g;
           value[i] = p - size * first[i] / (std::sqrt(second[i]) + epsilon))
      break;
    case SGD:
      if (first) EACH(first[i] = momentum * first[i] + g; value[i] = p - rate * first[i])
      else EACH(value[i] = p - rate * g)
      break;
    case RMSPROP:
      if (momentum > 0.0f)
        EACH(second[i] = 0.9f * second[i] + 0.1f * g * g;
             first[i] = momentum * first[i] + rate * g / std::sqrt(second[i] + 1e-7f); value[i] = p - first[i])
      else EACH(second[i] = 0.9f * second[i] + 0.1f * g * g; value[i] = p - rate * g / std::sqrt(second[i] + 1e-7f))
      break;
  }
#undef EACH
}

// ---------------------------------------------------------------------------------------------- entry points

// A matrix (rows, width) by its values other than 0: where each row's start (rows + 1), their columns, and they
// themselves. 0; 1 if they are more than half of all values, or of those of the first ``FIRST`` rows or more. Columns and
// values need room for half of all, ``FIRST`` rows and one more.
extern "C" int nnbench_sparse(const float *inputs, int64_t rows, int64_t width, int64_t *starts, int32_t *columns,
                              float *nonzeros) {
  constexpr int64_t BLOCK = 8;  // values that are passed over at once if all are 0
  int64_t count = starts[0] = 0;
  auto take = [&](int64_t column) {  // without a branch, which nobody could predict
    columns[count] = (int32_t)column, nonzeros[count] = inputs[column];
    count += inputs[column] != 0.0f;
  };
  for (int64_t row = 0; row < rows; row++, inputs += width) {
    int64_t j = 0;
    for (; j + BLOCK <= width; j += BLOCK) {
      uint64_t pairs[BLOCK / 2], any = 0;
      std::memcpy(pairs, inputs + j, sizeof pairs);
      for (uint64_t pair : pairs) any |= pair;
      for (int64_t e = j; any && e < j + BLOCK; e++) take(e);
    }
    for (; j < width; j++) take(j);
    starts[row + 1] = count;
    if (2 * count > (row + 1) * width && (row + 1 >= FIRST || row + 1 == rows)) return 1;
  }
  return 0;
}

// Images at ``rows`` of a bank (N, channels, height, width), each through a map of its own: a pixel shows what lies at
// matrix (pixel - centre) + centre + offset, in (row, column), between pixels bilinearly, outside at the nearest edge.
// 0; 1 if memory ran out.
extern "C" int nnbench_warp(const float *bank, const int64_t *rows, int64_t count, int64_t channels, int64_t height,
                            int64_t width, const float *matrix, const float *offset, float *to) try {
  const int64_t size = height * width;
  const int32_t line = width + 1;
  const float bottom = height - 1, right = width - 1;
  std::vector<float> framed((height + 1) * line);  // an image, with its last row and column twice
  std::vector<float> room(8 * size);
  std::vector<int32_t> corners(size);
  float *image = framed.data(), *__restrict down = room.data(), *__restrict aside = down + size;
  float *__restrict above = aside + size, *__restrict below = above + 2 * size;
  float *__restrict ys = below + 2 * size, *__restrict xs = ys + size;  // pixels, from the centre
  int32_t *__restrict corner = corners.data();
  for (int64_t i = 0; i < size; i++) ys[i] = i / width - 0.5f * bottom, xs[i] = i % width - 0.5f * right;
  for (int64_t n = 0; n < count * channels; n++, to += size) {
    const float *own = bank + (rows[n / channels] * channels + n % channels) * size;
    for (int64_t y = 0; y <= height; y++) {
      const float *row = own + (y < height ? y : height - 1) * width;
      std::memcpy(image + y * line, row, width * sizeof(float)), image[y * line + width] = row[width - 1];
    }
    const float *m = matrix + 4 * (n / channels), *o = offset + 2 * (n / channels);
    const float yy = m[0], yx = m[1], xy = m[2], xx = m[3], y0 = 0.5f * bottom + o[0], x0 = 0.5f * right + o[1];
    for (int64_t i = 0; i < size; i++) {
      float y = yy * ys[i] + yx * xs[i] + y0, x = xy * ys[i] + xx * xs[i] + x0;
      y = y > 0.0f ? y : 0.0f, x = x > 0.0f ? x : 0.0f;
      y = y < bottom ? y : bottom, x = x < right ? x : right;
      int32_t top = (int32_t)y, left = (int32_t)x;
      corner[i] = top * line + left, down[i] = y - top, aside[i] = x - left;
    }
    for (int64_t i = 0; i < size; i++) {  // two neighbours at a time
      std::memcpy(above + 2 * i, image + corner[i], 2 * sizeof(float));
      std::memcpy(below + 2 * i, image + corner[i] + line, 2 * sizeof(float));
    }
    for (int64_t i = 0; i < size; i++) {
      float upper = above[2 * i] + aside[i] * (above[2 * i + 1] - above[2 * i]);
      float lower = below[2 * i] + aside[i] * (below[2 * i + 1] - below[2 * i]);
      to[i] = upper + down[i] * (lower - upper);
    }
  }
  return 0;
} catch (const std::bad_alloc &) {
  return 1;
}

// 0; 1 if memory ran out.
extern "C" int nnbench_train(const Work *work) try {
  const Work &w = *work;
  int64_t most = *std::max_element(w.sizes, w.sizes + w.steps);
  Network network(w, most, true);
  const int64_t *rows = w.rows, *labels = w.labels;
  const float *targets = w.targets;
  int32_t outputs = w.layers[w.layer_count - 1].outputs;
  for (int64_t step = 0; step < w.steps; step++) {
    int64_t samples = w.sizes[step];
    network.gather(samples, rows);
    network.forward(samples);
    const float *found = network.values.back();
    float loss = w.loss >= MSE ? numbers_loss(w, samples, found, targets, network.gradient)
                               : classes_loss(w, samples, outputs, found, labels, network.gradient, network.other);
    network.backward(samples);
    for (int i = 0; i < w.tensor_count; i++) {
      const Tensor &t = w.tensors[i];
      update(w, t, network.gradient_of(t), w.lrs[step], w.done + step + 1);
    }
    *w.loss_sum += loss * samples;
    rows += samples, labels += w.labels ? samples : 0, targets += w.targets ? samples : 0;
  }
  return 0;
} catch (const std::bad_alloc &) {
  return 1;
}

// Outputs (rows, classes) of the network in evaluation mode, in batches of the sizes given.
extern "C" int nnbench_predict(const Work *work, float *outputs) try {
  const Work &w = *work;
  Network network(w, *std::max_element(w.sizes, w.sizes + w.steps), false);
  const int64_t *rows = w.rows;
  for (int64_t step = 0; step < w.steps; rows += w.sizes[step++]) {
    network.gather(w.sizes[step], rows);
    network.forward(w.sizes[step]);
    int64_t size = w.sizes[step] * w.layers[w.layer_count - 1].outputs;
    std::memcpy(outputs, network.values.back(), size * sizeof(float));
    outputs += size;
  }
  return 0;
} catch (const std::bad_alloc &) {
  return 1;
}
