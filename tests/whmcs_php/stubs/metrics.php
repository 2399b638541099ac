<?php
// WHMCS's classes of usage billing as far as its class reference shows them; values of constants are odd on purpose.

namespace WHMCS\UsageBilling\Contracts\Metrics {
    interface UsageInterface
    {
        public function collectedAt();
        public function startAt();
        public function endAt();
        public function value();
    }

    interface UnitInterface
    {
        public function name();
        public function suffix();
    }

    interface MetricInterface
    {
        public const TYPE_SNAPSHOT = 'stub-level';
        public const TYPE_PERIOD_DAY = 'stub-day';
        public const TYPE_PERIOD_MONTH = 'stub-month';

        public function usage();
        public function withUsage(?UsageInterface $usage = null);
        public function units();
        public function systemName();
        public function displayName();
        public function type();
    }

    interface ProviderInterface
    {
        public function metrics();
        public function usage();
        public function tenantUsage($tenant);
    }
}

namespace WHMCS\UsageBilling\Metrics {
    use WHMCS\UsageBilling\Contracts\Metrics\MetricInterface;
    use WHMCS\UsageBilling\Contracts\Metrics\UnitInterface;
    use WHMCS\UsageBilling\Contracts\Metrics\UsageInterface;

    class Usage implements UsageInterface
    {
        public function __construct(private $value, private $collected = null, private $start = null, private $end = null)
        {
            // WHMCS prices whatever it is given.
            if (!is_float($value) || !is_finite($value) || $value < 0) {
                throw new \LogicException('no usage: ' . var_export($value, true));
            }
        }

        public function collectedAt()
        {
            return $this->collected;
        }

        public function startAt()
        {
            return $this->start;
        }

        public function endAt()
        {
            return $this->end;
        }

        public function value()
        {
            return $this->value;
        }
    }

    class Metric implements MetricInterface
    {
        public function __construct(
            private $name,
            private $display = null,
            private $type = null,
            private ?UnitInterface $units = null,
            private ?UsageInterface $usage = null
        ) {
        }

        public function usage()
        {
            return $this->usage;
        }

        public function withUsage(?UsageInterface $usage = null)
        {
            // Whether WHMCS's own makes a copy is not documented. This one does not: nobody may count on it.
            $this->usage = $usage;
            return $this;
        }

        public function units()
        {
            return $this->units;
        }

        public function systemName()
        {
            return $this->name;
        }

        public function displayName()
        {
            return $this->display;
        }

        public function type()
        {
            return $this->type;
        }
    }
}

namespace WHMCS\UsageBilling\Metrics\Units {
    use WHMCS\UsageBilling\Contracts\Metrics\UnitInterface;

    abstract class AbstractUnit implements UnitInterface
    {
        public function __construct(private $name, $one = null, $many = null, $prefix = null, private $suffix = null)
        {
        }

        public function name()
        {
            return $this->name;
        }

        public function suffix()
        {
            return $this->suffix;
        }
    }

    class FloatingPoint extends AbstractUnit
    {
    }

    class MegaBytes extends FloatingPoint
    {
        public function __construct($name = 'Megabytes', $one = null, $many = null, $prefix = null, $suffix = 'MB')
        {
            parent::__construct($name, $one, $many, $prefix, $suffix);
        }
    }

    class GigaBytes extends FloatingPoint
    {
        public function __construct($name = 'Gigabytes', $one = null, $many = null, $prefix = null, $suffix = 'GB')
        {
            parent::__construct($name, $one, $many, $prefix, $suffix);
        }
    }
}
