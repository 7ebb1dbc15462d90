# The services that need Python: those that run Axolotl or a model (trainer, merger, evaluator), the one that asks lm-eval what
# its tasks ask (dataset), and the pods of trainings. The same environment serves GPU and CPU; libs/engine pins it, and lm-eval
# beside it, here as on every other machine:
#   docker build -f infra/images/engine.Dockerfile -t anneal-engine .
#   docker run --gpus all anneal-engine node apps/trainer/dist/main.js
# Beside the base there are 6.8 GB: 6.4 of Python with PyTorch and CUDA's libraries, 0.15 of lm-eval, 0.24 of packages and our
# own; and the C compiler of Debian. The base is pinned by its tag; see service.Dockerfile for a digest.
FROM node:24.11.1-bookworm AS build
WORKDIR /anneal
COPY package.json package-lock.json .npmrc tsconfig.json tsconfig.base.json nx.json ./
COPY apps apps
COPY libs libs
COPY infra/embedded infra/embedded
COPY infra/kubernetes/package.json infra/kubernetes/package.json
COPY infra/observability/package.json infra/observability/package.json
COPY test/package.json test/package.json
# Optional packages are the native parts of DuckDB, and a Node that the base has already.
RUN npm ci --no-audit --no-fund \
    && npx tsc -b apps/cli \
    && npm prune --omit=dev \
    && rm -rf node_modules/node-linux-* node_modules/.bin/node
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-pip \
    && rm -rf /var/lib/apt/lists/*
ENV ANNEAL_CACHE=/opt/anneal UV_PYTHON_INSTALL_DIR=/opt/anneal/python
# The cache of uv holds everything once more.
RUN node libs/engine/install.mjs \
    && node libs/engine/install-lm-eval.mjs \
    && ln -s /opt/anneal/engine-* /opt/anneal/engine \
    && ln -s /opt/anneal/lm-eval-*/lib/python3*/site-packages /opt/anneal/lm-eval \
    && rm -rf /opt/anneal/uv-cache

FROM node:24.11.1-bookworm-slim
ENV NODE_ENV=production WORK_DIR=/work HTTP_HOST=0.0.0.0 HTTP_PORT=8080 \
    ENGINE_PYTHON=/opt/anneal/engine/bin/python \
    LM_EVAL_PACKAGES=/opt/anneal/lm-eval \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
# Triton compiles the start of its kernels when they first run on a GPU.
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /anneal
COPY --from=build --chown=root:root /opt/anneal /opt/anneal
COPY --from=build --chown=root:root /anneal /anneal
RUN install -d -o 1000 -g 1000 /work
# The user "node", by its number: Kubernetes has to see that it is not root.
USER 1000:1000
VOLUME /work
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["node", "-e", "fetch('http://127.0.0.1:8080/health/ready').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))"]
CMD ["node", "apps/cli/bin/anneal.js", "--help"]
