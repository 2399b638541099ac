<?php
// Goes round in the cron: which companions there should be against which there are, mends what is plain, names the rest.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Database\Capsule;

final class CompanionRounds
{
    /** What one run does at most: a table that was written wrong must not order or end thousands at once. */
    private const MOST = 20;
    private const SHOWN = 5;
    private const LIVING = ['Active', 'Suspended'];
    private const OVER = ['Terminated', 'Cancelled', 'Fraud'];

    /** Mends, and tells the Activity Log of what is left. */
    public static function go(): void
    {
        if (Settings::trouble() !== null || Settings::table('companions') === []) {
            return; // A table that cannot be read is no wish for there to be none.
        }
        $mendable = array_filter(self::differences(), static fn ($one) => $one['do'] !== null);
        $failed = [];
        foreach (array_slice($mendable, 0, self::MOST) as $one) {
            Safely::run('companion', ['serviceid' => $one['service']], $one['do'], static function (\Throwable $error) use (&$failed): void {
                $failed[] = $error->getMessage();
            });
        }
        Notice::state('companions', self::sentence(self::differences(), $failed));
    }

    /** @param string[] $failed @return string empty where all is as it should be */
    public static function sentence(array $differences, array $failed = []): string
    {
        $said = array_merge(array_column($differences, 'said'), array_unique($failed));
        $more = count($said) - self::SHOWN;
        return implode('; ', array_slice($said, 0, self::SHOWN)) . ($more > 0 ? "; and $more more" : '');
    }

    /**
     * @return array[] "service"; "companion", 0 where there is none; "said": what is not as it should be; "do": what mends it, and
     *         "would": that in words, both null where people decide
     */
    public static function differences(): array
    {
        $wanted = array_map('intval', Settings::table('companions'));
        $companions = self::companions();
        $entries = Servers::metered();
        $differences = [];
        foreach (self::services(array_keys($wanted), array_keys($companions)) as $service) {
            $id = (int) $service->id;
            $its = array_filter($companions[$id] ?? [], static fn ($one) => (int) $one->userid === (int) $service->userid);
            $entry = $entries[(int) $service->server] ?? null;
            $difference = self::difference($service, array_values($its), $wanted[(int) $service->packageid] ?? 0, $entry);
            $differences[] = $difference === null ? null : ['service' => $id] + $difference + ['companion' => 0, 'would' => null];
            // What is left belongs to nobody that is there, or to another client, and is never reported.
            $companions[$id] = array_udiff($companions[$id] ?? [], $its, static fn ($one, $other) => $one->id <=> $other->id);
        }
        foreach ($companions as $parent => $alone) {
            foreach ($alone as $one) {
                $differences[] = ['service' => $parent] + self::over($one, "stands beside service $parent, which is not there or another client's");
            }
        }
        return array_values(array_filter($differences));
    }

    /** @param object[] $its the living companions of a service @param int|null $entry of whmeter, that its server is metered by */
    private static function difference(object $service, array $its, int $product, ?int $entry): ?array
    {
        $id = (int) $service->id;
        $companion = $its[0] ?? null;
        if (in_array($service->domainstatus, self::OVER, true)) {
            return $companion === null ? null : self::over($companion, "stands beside service $id, which is over");
        }
        if (!in_array($service->domainstatus, self::LIVING, true)) {
            return null;
        }
        if (count($its) > 1) {
            $list = implode(', ', array_map(static fn ($one) => (int) $one->id, $its));
            return ['said' => "service $id has several companions ($list): end all but one", 'companion' => (int) $companion->id, 'do' => null];
        }
        if ($product === 0 || $entry === null) {
            $why = $product === 0 ? 'whose product has none in settings.php' : 'on a server that is not metered';
            return $companion === null
                ? null
                : ['said' => "companion {$companion->id} stands beside service $id, $why: end it, or write it down", 'companion' => (int) $companion->id, 'do' => null];
        }
        return $companion === null
            ? ['said' => "service $id has no companion, and its usage is not billed", 'do' => static fn () => Companions::create($id), 'would' => "order one of product $product"]
            : self::unlike($service, $companion, $product, $entry);
    }

    /** What of a companion is not as its service is now. */
    private static function unlike(object $service, object $companion, int $product, int $entry): ?array
    {
        $id = (int) $companion->id;
        $change = static fn (array $fields) => static fn () => Companions::call('UpdateClientProduct', ['serviceid' => $id] + $fields);
        if ((int) $companion->packageid !== $product) {
            return ['would' => "make it one of product $product", 'do' => $change(['pid' => $product])]
                + self::of($id, "companion $id is billed by product {$companion->packageid} and not $product");
        }
        if ((int) $companion->server !== $entry) {
            return ['would' => "move it to server $entry", 'do' => $change(['serverid' => $entry])]
                + self::of($id, "companion $id is on server {$companion->server} and not $entry");
        }
        if ($companion->domainstatus === 'Pending') {
            // As Companions::create() leaves it: paid for together with its service.
            $due = (string) $service->nextduedate;
            $begun = ['status' => 'Active'] + ($due > '0001' ? ['nextduedate' => $due] : []);
            return ['would' => 'begin it', 'do' => $change($begun)] + self::of($id, "companion $id was ordered and not begun");
        }
        if ($companion->domainstatus !== $service->domainstatus) {
            $action = $service->domainstatus === 'Suspended' ? 'ModuleSuspend' : 'ModuleUnsuspend';
            $follow = static fn () => Companions::follow((int) $service->id, $action);
            return ['would' => $action === 'ModuleSuspend' ? 'suspend it' : 'restore it', 'do' => $follow]
                + self::of($id, "companion $id is {$companion->domainstatus}, and its service {$service->domainstatus}");
        }
        return null;
    }

    private static function over(object $companion, string $why): array
    {
        $end = static fn () => Companions::call('ModuleTerminate', ['serviceid' => (int) $companion->id]);
        return ['would' => 'end it', 'do' => $end] + self::of((int) $companion->id, "companion {$companion->id} $why");
    }

    private static function of(int $companion, string $said): array
    {
        return ['companion' => $companion, 'said' => $said];
    }

    /** @return array<int, object[]> the living companions by the service they say they stand beside */
    public static function companions(): array
    {
        $rows = Capsule::table('tblhosting')
            ->where('username', 'like', Companions::PREFIX . '%')
            ->whereIn('domainstatus', ['Pending', ...self::LIVING])
            ->orderBy('id')
            ->get(['id', 'userid', 'packageid', 'server', 'username', 'domainstatus']);
        $companions = [];
        foreach ($rows as $row) {
            $name = Stored::text($row->username);
            if (Companions::isOne($name)) {
                $companions[Companions::parentOf($name)][] = $row;
            }
        }
        return $companions;
    }

    /** @return object[] those that should have a companion, and those that have one */
    private static function services(array $products, array $ids): array
    {
        $columns = ['id', 'userid', 'packageid', 'server', 'domainstatus', 'nextduedate'];
        $services = [];
        foreach ([['packageid', $products], ['id', $ids]] as [$column, $values]) {
            // In portions, as a database takes only so many values in one question.
            foreach (array_chunk($values, 1000) as $some) {
                foreach (Capsule::table('tblhosting')->whereIn($column, $some)->orderBy('id')->get($columns) as $row) {
                    $services[(int) $row->id] = $row;
                }
            }
        }
        ksort($services);
        return $services;
    }
}
