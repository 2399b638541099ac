<?php
// Usage billing's collection. WHMCS keeps one record of a month metric for each calendar month of its own zone, which every
// collection in that month overwrites, and of a snapshot the last one. The table's name is not published: it is ours.

declare(strict_types=1);

namespace StandIn;

use WHMCS\Database\Capsule;
use WHMCS\UsageBilling\Contracts\Metrics\MetricInterface;
use WHMCS\UsageBilling\Contracts\Metrics\ProviderInterface;

final class Usage
{
    public const SNAPSHOT = '';

    /** Asks every server's module, as the cron does about every twelve hours. */
    public static function collect(): void
    {
        foreach (Modules::servers() as $server) {
            $make = Modules::find($server->type, 'MetricProvider');
            $provider = $make === null ? null : $make(Modules::serverParams($server) + ['action' => 'MetricProvider']);
            if ($provider instanceof ProviderInterface) {
                foreach ($provider->usage() as $tenant => $metrics) {
                    self::keep((int) $server->id, (string) $tenant, $metrics);
                }
            }
        }
    }

    /** A tenant is found among the services of its server by its username. @param MetricInterface[] $metrics */
    private static function keep(int $server, string $tenant, array $metrics): void
    {
        $services = Capsule::table('tblhosting')->where('server', $server)->where('username', $tenant)
            ->whereIn('domainstatus', ['Active', 'Suspended'])->pluck('id');
        foreach ($services as $service) {
            foreach ($metrics as $metric) {
                $isMonth = $metric->type() === MetricInterface::TYPE_PERIOD_MONTH;
                $key = ['service' => $service, 'metric' => $metric->systemName(), 'month' => $isMonth ? date('Y-m') : self::SNAPSHOT];
                $value = number_format($metric->usage()->value(), 5, '.', '');
                Capsule::table('stand_in_usage')->updateOrInsert($key, ['value' => $value, 'collected' => date('Y-m-d H:i:s')]);
            }
        }
    }

    /** Figures for overage billing: every server's module writes them itself. */
    public static function figures(): void
    {
        foreach (Modules::servers() as $server) {
            $update = Modules::find($server->type, 'UsageUpdate');
            if ($update !== null) {
                $update(Modules::serverParams($server));
            }
        }
    }
}
