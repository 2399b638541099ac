<?php
// The metrics WHMCS may price: what they are, and their values by tenant.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Database\Capsule;
use WHMCS\UsageBilling\Contracts\Metrics\MetricInterface;
use WHMCS\UsageBilling\Contracts\Metrics\ProviderInterface;
use WHMCS\UsageBilling\Metrics\Metric;
use WHMCS\UsageBilling\Metrics\Units\FloatingPoint;
use WHMCS\UsageBilling\Metrics\Units\GigaBytes;
use WHMCS\UsageBilling\Metrics\Units\MegaBytes;
use WHMCS\UsageBilling\Metrics\Usage;

final class MetricsProvider implements ProviderInterface
{
    private array $params;
    private ?array $names = null;

    /** WHMCS builds providers often and without a server too: nothing is asked here. */
    public function __construct($params)
    {
        $this->params = is_array($params) ? $params : [];
    }

    /** The names are keys of stored prices: never rename one. */
    public function metrics()
    {
        return Safely::run('metrics', [], fn () => $this->all(), static fn () => []);
    }

    private function all(): array
    {
        $level = MetricInterface::TYPE_SNAPSHOT;
        $month = MetricInterface::TYPE_PERIOD_MONTH;
        $types = [
            'disk' => $level,
            'disk_gb_month' => $month,
            'traffic_in' => $month,
            'traffic_out' => $month,
            'traffic_total' => $month,
        ];
        $names = $this->names ??= self::names(array_keys($types));
        $metrics = [];
        foreach ($types as $name => $type) {
            $metrics[$name] = new Metric($name, $names[$name], $type, self::unit());
        }
        return $metrics;
    }

    /** @return array<string, string> what each metric is called in the language of the system */
    private static function names(array $metrics): array
    {
        $same = array_combine($metrics, $metrics);
        return Safely::run('texts', [], static fn () => self::inUnit(array_map([Texts::ofSystem(), 'get'], $same)), static fn () => $same);
    }

    /** A GB-month is one of the unit in force. */
    private static function inUnit(array $names): array
    {
        return str_replace('UNIT', Settings::unit(), $names);
    }

    /** Called by the cron that collects usage. */
    public function usage()
    {
        $entry = (int) ($this->params['serverid'] ?? 0);
        return Safely::watched("usage of server $entry", $this->params, fn () => $this->allUsage($entry), static fn () => []);
    }

    /** Called for one service, by staff's refresh too: in every case WHMCS stores what it is given. */
    public function tenantUsage($tenant)
    {
        return Safely::run('tenantUsage', $this->params, fn () => $this->usageOf($tenant), static fn () => []);
    }

    private function allUsage(int $entry): array
    {
        if ($entry === 0) {
            return []; // Services without a server have this number too.
        }
        // WHMCS keeps one record for each month of its own clock: another month's sums do not belong there.
        $query = ['server' => $entry, 'month' => date('Y-m')];
        $reported = (new Client($this->params))->collect('/v1/whmcs/usage', $query)['tenants'] ?? [];
        $ambiguous = Namesakes::on($entry);
        $usage = [];
        foreach (is_array($reported) ? $reported : [] as $name => $values) {
            // A tenant of whom nothing is known is left out, as a metric is.
            $list = isset($ambiguous[$name]) ? [] : $this->measured($values);
            if ($list) {
                $usage[$name] = $list;
            }
        }
        Safely::run('collected', [], static fn () => Memory::keep(Memory::COLLECTED, [$entry => [time(), count($usage)]]), static fn () => null);
        return self::asStored($usage, $entry);
    }

    /** WHMCS looks for the names that it has stored, with what people left behind them. */
    private static function asStored(array $usage, int $entry): array
    {
        foreach (Capsule::table('tblhosting')->where('server', $entry)->get(['username']) as $service) {
            $stored = (string) $service->username;
            $name = Stored::text($stored);
            if ($stored !== $name && isset($usage[$name])) {
                $usage[$stored] = $usage[$name];
                unset($usage[$name]);
            }
        }
        return $usage;
    }

    private function usageOf($tenant): array
    {
        $account = Account::named($tenant, (int) ($this->params['serverid'] ?? 0));
        if ($account === null) {
            return [];
        }
        try {
            return $this->measured($account->collect(new Client($this->params))['values'] ?? null);
        } catch (Refused $refused) {
            if ($refused->status === 404) {
                return [];
            }
            throw $refused;
        }
    }

    /** Zero is a value and is reported; what is not known is left out, so that WHMCS keeps what it has. */
    private function measured($reported): array
    {
        $values = Values::read($reported);
        $list = [];
        // New ones for every tenant: whether withUsage() makes a copy is for WHMCS to know.
        foreach ($this->metrics() as $name => $metric) {
            $value = $values->get($name);
            if ($value !== null) {
                $list[] = $metric->withUsage(new Usage($value));
            }
        }
        return $list;
    }

    private static function unit(): FloatingPoint
    {
        return match (Settings::unit()) {
            'MB' => new MegaBytes(),
            'GB' => new GigaBytes(),
            'TB' => new FloatingPoint('Terabytes', null, null, null, 'TB'),
            'PB' => new FloatingPoint('Petabytes', null, null, null, 'PB'),
        };
    }
}
